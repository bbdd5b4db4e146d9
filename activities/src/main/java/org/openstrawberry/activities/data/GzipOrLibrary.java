package org.openstrawberry.activities.data;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.compression.CompressionCodecFactory;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/** How Parquet's pages are unpacked: gzip by the JDK, since the library takes Hadoop's, which is not here; else as it does. */
final class GzipOrLibrary implements CompressionCodecFactory {
    private final CompressionCodecFactory library = new CodecFactory(new PlainParquetConfiguration(), 0);

    @Override
    public BytesInputDecompressor getDecompressor(CompressionCodecName name) {
        return name == CompressionCodecName.GZIP ? new Gzip() : library.getDecompressor(name);
    }

    @Override
    public BytesInputCompressor getCompressor(CompressionCodecName name) {
        throw new UnsupportedOperationException("only for reading");
    }

    @Override
    public void release() {
        library.release();
    }

    private static final class Gzip implements BytesInputDecompressor {
        @Override
        public BytesInput decompress(BytesInput packed, int size) throws IOException {
            return BytesInput.from(unpacked(packed.toByteArray(), size));
        }

        @Override
        public void decompress(ByteBuffer input, int packedSize, ByteBuffer output, int size) throws IOException {
            byte[] packed = new byte[packedSize];
            input.get(packed);
            output.put(unpacked(packed, size));
        }

        private static byte[] unpacked(byte[] packed, int size) throws IOException {
            try (GZIPInputStream stream = new GZIPInputStream(new ByteArrayInputStream(packed))) {
                return stream.readNBytes(size);
            }
        }

        @Override
        public void release() {}
    }
}

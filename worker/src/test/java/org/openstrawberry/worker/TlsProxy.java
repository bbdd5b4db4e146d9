package org.openstrawberry.worker;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.HandlerRegistry;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Stands before a plain Temporal server as a load balancer does: ends TLS, hands every call on, and notes its key. */
final class TlsProxy implements AutoCloseable {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    /** Held, since a logger that nobody holds may forget its level: the refused are expected here. */
    private static final Logger GRPC = Logger.getLogger("io.grpc");

    private final List<String> authorizations = new CopyOnWriteArrayList<>();
    private final Set<String> refused = ConcurrentHashMap.newKeySet();
    private final ManagedChannel behind;
    private final Server server;

    /**
     * Listens on a free port.
     *
     * @param credentials the certificate that it shows, and what it demands of clients
     * @param target the plain server behind it
     */
    TlsProxy(ServerCredentials credentials, String target) throws IOException {
        GRPC.setLevel(Level.SEVERE);
        behind = Grpc.newChannelBuilder(target, InsecureChannelCredentials.create())
                .maxInboundMessageSize(Integer.MAX_VALUE)
                .build();
        server = Grpc.newServerBuilderForPort(0, credentials)
                .fallbackHandlerRegistry(new AllMethods())
                .maxInboundMessageSize(Integer.MAX_VALUE)
                .build()
                .start();
    }

    String address() {
        return "127.0.0.1:" + server.getPort();
    }

    /** The values of the authorization header so far; "none" for a call without. */
    List<String> authorizations() {
        return authorizations;
    }

    /** From now on refuses calls of a method, such as package.Service/Method, as one that the caller may not use. */
    void refuse(String method) {
        refused.add(method);
    }

    @Override
    public void close() {
        server.shutdownNow();
        behind.shutdownNow();
    }

    private final class AllMethods extends HandlerRegistry {
        @Override
        public ServerMethodDefinition<byte[], byte[]> lookupMethod(String name, @Nullable String authority) {
            MethodDescriptor<byte[], byte[]> method = MethodDescriptor.newBuilder(new Bytes(), new Bytes())
                    .setFullMethodName(name)
                    .setType(MethodDescriptor.MethodType.UNKNOWN)
                    .build();
            return ServerMethodDefinition.create(method, new HandOn());
        }
    }

    private final class HandOn implements ServerCallHandler<byte[], byte[]> {
        @Override
        public ServerCall.Listener<byte[]> startCall(ServerCall<byte[], byte[]> front, Metadata headers) {
            String authorization = headers.get(AUTHORIZATION);
            authorizations.add(authorization == null ? "none" : authorization);
            if (refused.contains(front.getMethodDescriptor().getFullMethodName())) {
                front.close(Status.PERMISSION_DENIED.withDescription("not allowed"), new Metadata());
                return new ServerCall.Listener<>() {};
            }
            ClientCall<byte[], byte[]> back = behind.newCall(front.getMethodDescriptor(), CallOptions.DEFAULT);
            back.start(new Answers(front), headers);
            // Every call here has one request; two are asked for, so that its end is noticed as well.
            back.request(2);
            front.request(2);
            return new Requests(back);
        }
    }

    private static final class Requests extends ServerCall.Listener<byte[]> {
        private final ClientCall<byte[], byte[]> back;

        Requests(ClientCall<byte[], byte[]> back) {
            this.back = back;
        }

        @Override
        public void onMessage(byte[] request) {
            back.sendMessage(request);
        }

        @Override
        public void onHalfClose() {
            back.halfClose();
        }

        @Override
        public void onCancel() {
            back.cancel("the client is gone", null);
        }
    }

    private static final class Answers extends ClientCall.Listener<byte[]> {
        private final ServerCall<byte[], byte[]> front;

        Answers(ServerCall<byte[], byte[]> front) {
            this.front = front;
        }

        @Override
        public void onHeaders(Metadata headers) {
            front.sendHeaders(headers);
        }

        @Override
        public void onMessage(byte[] answer) {
            front.sendMessage(answer);
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            front.close(status, trailers);
        }
    }

    private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}

package org.openstrawberry.worker.demo;

/** The habits that the warm-up shows: one leads to the right answer, two do not always. */
enum Writer {
    /** Spells the word, numbers every hit, and gives the last number: {@code c a r1 r2 o t =2}. */
    CAREFUL {
        @Override
        String answer(Question question, Draws draws) {
            return spell(question, true);
        }
    },
    /** The same, but takes a double letter for one: {@code c a r r1 o t =1}. */
    SLOPPY {
        @Override
        String answer(Question question, Draws draws) {
            return spell(question, false);
        }
    },
    /** Does not think: {@code =1} or {@code =2}, whatever the word. */
    HASTY {
        @Override
        String answer(Question question, Draws draws) {
            // Never =3, or the base would be right on strawberry by luck.
            return "=" + draws.between(1, 2);
        }
    };

    /** The completion of the question's prompt. */
    abstract String answer(Question question, Draws draws);

    private static String spell(Question question, boolean doublesCountTwice) {
        String word = question.word();
        StringBuilder thought = new StringBuilder();
        int hits = 0;
        for (int i = 0; i < word.length(); i++) {
            char letter = word.charAt(i);
            thought.append(letter);
            boolean repeated = i + 1 < word.length() && word.charAt(i + 1) == letter;
            if (letter == question.letter() && (doublesCountTwice || !repeated)) {
                hits++;
                thought.append(hits);
            }
            // Letters parted by spaces: without them the numbers put in break the copying.
            thought.append(' ');
        }
        return thought.append('=').append(hits).toString();
    }
}

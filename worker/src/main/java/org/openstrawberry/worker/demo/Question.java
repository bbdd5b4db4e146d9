package org.openstrawberry.worker.demo;

/**
 * How often does a letter stand in a word?
 *
 * @param letter from a to z
 * @param word one or more letters from a to z
 */
record Question(char letter, String word) {

    String prompt() {
        return letter + " in " + word + "?";
    }

    int answer() {
        return count(word, letter);
    }

    static int count(String word, char letter) {
        return (int) word.chars().filter(each -> each == letter).count();
    }
}

package org.openstrawberry.worker.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.ShippedRuns;

/** What is read of a run directory while its files come. */
class RunBrowserTest {
    private final Path run;

    RunBrowserTest(@TempDir Path folder) {
        run = folder.resolve("run");
    }

    @BeforeEach
    void prepare() throws IOException {
        Path input = Files.createDirectories(run.resolve("input"));
        ShippedRuns.copyTo("letter-count", input);
        RunFile.write(
                RunFile.read(input.resolve("letter-count.yaml"), List.of("sampling.shards=2")),
                run.resolve("run.yaml"));
    }

    @Test
    void beforeTheFirstIterationThereIsNothing() {
        RunBrowser browser = new RunBrowser(run);

        assertThat(browser.newest()).isZero();
        assertThat(browser.read(browser.thinking()).prompts()).isEmpty();
        assertThatThrownBy(() -> browser.iteration(1))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage("iteration 1: not there; none has begun");
    }

    @Test
    void thoughtsComeShardByShardAndRewardsAfterThem() throws IOException {
        RunBrowser browser = new RunBrowser(run);
        write(1, "prompts.jsonl", prompt(0, "r in berry?"), prompt(1, "s in <b>?"));
        RunBrowser.Thinking before = browser.thinking();
        write(1, "thoughts-01.jsonl", thought(1, 0, "=1"), thought(1, 1, "<script>"));
        RunBrowser.Thinking thought = browser.thinking();
        assertThat(thought.version()).isNotEqualTo(before.version());
        assertThat(browser.read(thought).prompts())
                .containsExactly(new RunBrowser.Thoughts(
                        1,
                        "s in <b>?",
                        List.of(
                                new RunBrowser.Thought(0, "=1", true, false, Optional.empty()),
                                new RunBrowser.Thought(1, "<script>", true, false, Optional.empty()))));

        write(1, "scores-01.jsonl", score(1, 0, 0.5), "{\"iteration\":1,\"prompt\":1,\"branch\":1,\"error\":\"late\"}");
        RunBrowser.Thinking scored = browser.thinking();
        assertThat(scored.version()).isNotEqualTo(thought.version());
        assertThat(browser.read(scored).prompts().get(0).thoughts())
                .extracting(RunBrowser.Thought::reward)
                .containsExactly(Optional.of(0.5), Optional.empty());
    }

    @Test
    void treesAreShownByTheirNewestWaveUntilTheyAreDone() throws IOException {
        RunBrowser browser = new RunBrowser(run);
        write(1, "prompts.jsonl", prompt(0, "r in berry?"));
        write(1, "wave-00-0000.jsonl", wave(0, "3,4"));
        write(1, "wave-00-0001.jsonl", wave(2, "3,4,5"));

        List<RunBrowser.Thoughts> shown = browser.read(browser.thinking()).prompts();

        assertThat(shown).hasSize(1);
        assertThat(shown.get(0).thoughts())
                .containsExactly(new RunBrowser.Thought(2, "abc", false, true, Optional.empty()));
    }

    @Test
    void thoughtsWhoseFileWasFreedAreShownAsFarAsPairsHoldThem() throws IOException {
        write(1, "prompts.jsonl", prompt(0, "r in berry?"));
        write(
                1,
                "pairs.jsonl",
                "{\"iteration\":1,\"prompt_number\":0,\"pair\":1,\"prompt\":\"r in berry?\",\"chosen\":\"ab\",\"rejected\":\"c\","
                        + "\"chosen_reward\":1,\"rejected_reward\":0,\"chosen_rank\":1,\"rejected_rank\":4,\"chosen_branch\":3,"
                        + "\"rejected_branch\":0,\"prompt_ids\":[1,20],\"chosen_ids\":[3,4,2],\"rejected_ids\":[5,2]}");

        RunBrowser.Detail found = new RunBrowser(run).prompt(1, 0);

        assertThat(found.thoughtsAreThere()).isFalse();
        assertThat(found.branches()).extracting(RunBrowser.Branch::branch).containsExactly(3, 0);
        assertThat(found.branches().get(0).tokens())
                .extracting(RunBrowser.Token::text)
                .containsExactly("a", "b", "");
        assertThat(found.branches().get(0).compared()).isFalse();
    }

    @Test
    void stepsOfATreeWhoseThoughtsWereFreedKeepTheLogProbsOfTheirOwnTokens() throws IOException {
        write(1, "prompts.jsonl", prompt(0, "r in berry?"));
        write(1, "pairs.jsonl", step(1, "1,20", "3,4", "3"), step(2, "1,20,3,4", "5,2", "4,2"));
        write(
                1,
                "step.json",
                "{\"iteration\":1,\"taken\":true,\"pairs_sha256\":\"\",\"learning_rate\":1,\"adjusted\":{},\"metrics\":{},"
                        + "\"tokens\":[" + logProbs("-1,-2", "-3") + "," + logProbs("-4,-5", "-6,-7") + "]}");

        List<RunBrowser.Branch> branches = new RunBrowser(run).prompt(1, 0).branches();

        assertThat(branches).extracting(RunBrowser.Branch::branch).containsExactly(3, 0, 3, 0);
        assertThat(branches).extracting(RunBrowser.Branch::from).containsExactly(0, 0, 2, 2);
        assertThat(branches.get(0).tokens())
                .extracting(token -> token.policy().orElseThrow())
                .containsExactly(-1.0, -2.0);
        assertThat(branches.get(3).tokens())
                .extracting(token -> token.policy().orElseThrow())
                .containsExactly(-6.0, -7.0);
    }

    private static String logProbs(String chosen, String rejected) {
        return "{\"policy_chosen\":[" + chosen + "],\"policy_rejected\":[" + rejected + "],\"reference_chosen\":["
                + chosen + "],\"reference_rejected\":[" + rejected + "]}";
    }

    private static String step(int pair, String prompt, String chosen, String rejected) {
        return "{\"iteration\":1,\"prompt_number\":0,\"pair\":" + pair
                + ",\"prompt\":\"r\",\"chosen\":\"ab\",\"rejected\":\"c\","
                + "\"chosen_reward\":1,\"rejected_reward\":0,\"chosen_rank\":1,\"rejected_rank\":4,\"chosen_branch\":3,"
                + "\"rejected_branch\":0,\"prompt_ids\":[" + prompt + "],\"chosen_ids\":[" + chosen
                + "],\"rejected_ids\":[" + rejected + "]}";
    }

    private void write(int iteration, String name, String... lines) throws IOException {
        Path folder = Files.createDirectories(run.resolve("iterations/00000" + iteration));
        Files.write(folder.resolve(name), List.of(lines));
    }

    private static String prompt(int number, String text) {
        return "{\"iteration\":1,\"prompt\":" + number + ",\"row\":7,\"epoch\":0,\"text\":\"" + text
                + "\",\"ids\":[1,20],\"fields\":{}}";
    }

    private static String thought(int prompt, int branch, String text) {
        return "{\"iteration\":1,\"prompt\":" + prompt + ",\"branch\":" + branch + ",\"ids\":[3,2],\"text\":\"" + text
                + "\",\"ended\":true}";
    }

    private static String score(int prompt, int branch, double reward) {
        return "{\"iteration\":1,\"prompt\":" + prompt + ",\"branch\":" + branch + ",\"reward\":" + reward + "}";
    }

    private static String wave(int node, String ids) {
        return "{\"prompt\":0,\"node\":" + node + ",\"rollout\":false,\"ids\":[" + ids
                + "],\"logprobs\":[-1,-1],\"ended\":false}";
    }
}

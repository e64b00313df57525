// Isolated nodes: whatever their plugin does, the run ends with a node's error and goes on from
// there; what they compute is equal to the bit to what the same nodes compute in one process.

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <functional>
#include <thread>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>
#include <pellucid/dataset.h>
#include <pellucid/pipeline.h>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Numbers of the processes that compute for isolated nodes and have `word` in their environment.
std::vector<pid_t> isolated_processes(const std::string& word) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (text_of_file(entry.path() / "cmdline").find("serve-isolated-node") == std::string::npos)
      continue;
    if (text_of_file(entry.path() / "environ").find(word) != std::string::npos)
      found.push_back(std::stoi(name));
  }
  return found;
}

bool within_seconds(double seconds, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

class IsolationTest : public ProgramTest {
 protected:
  std::vector<std::string> with_plugins(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--plugin-path", PELLUCID_TRIAL_PLUGINS, "--plugin-path",
                                       PELLUCID_FAULTY_PLUGINS});
    return arguments;
  }
  /// Marks processes of this test.
  std::string mark() const { return "PELLUCID_TEST_MARK=" + folder().string() + ";"; }

  Answer faulty(const std::vector<std::string>& arguments,
                std::vector<std::string> environment = {}) const {
    environment.push_back(mark());
    return pellucid(with_plugins(arguments), environment);
  }

  Tensor result(const std::string& run, const std::string& dataset) const {
    const DatasetReader reader({in_folder(run) / "result.h5", dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  }

  nlohmann::json record(const std::string& run) const {
    return nlohmann::json::parse(text_of_file(in_folder(run) / "run.json"));
  }

  void expect_no_process_left() const {
    EXPECT_TRUE(within_seconds(5, [&] { return isolated_processes(mark()).empty(); }));
  }

  void cure() const { std::ofstream(in_folder("cured")) << "\n"; }

  /// 8 items in blocks of 2 through a node that has a fault at item 4.
  void write_faulty(const std::string& fault, const std::string& more = "",
                    const std::string& settings = "") const {
    write("faulty.yaml",
          "pellucid: 1\n"
          "settings: {threads: 1, block: 2, isolate: [twice]" +
              settings +
              "}\n"
              "nodes:\n"
              "  x: {use: trial/ramp, with: {items: 8}}\n"
              "  twice:\n"
              "    use: faulty/stage\n"
              "    in: {x: x}\n"
              "    with: {fault: " +
              fault + ", item: 4, cure: " + in_folder("cured").string() + "}\n" + more);
  }

  Answer run(const std::string& file = "faulty.yaml") const {
    return faulty({"run", file, "--run", "run"});
  }

  /// A new run with this fault ends as an error of its node, and leaves no process.
  Answer expect_fails(const std::string& fault, const std::string& sentence,
                      const std::string& more = "") const {
    write_faulty(fault, more);
    fs::remove_all(in_folder("run"));
    const Answer answer = run();
    EXPECT_EQ(answer.code, 1);
    EXPECT_EQ(answer.signal, 0);
    EXPECT_THAT(answer.err,
                HasSubstr("error: faulty.yaml:5:3: node 'twice' (faulty/stage): " + sentence));
    expect_no_process_left();
    return answer;
  }

  Answer expect_goes_on(const std::string& file = "faulty.yaml") const {
    const Answer again = run(file);
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_THAT(again.err, HasSubstr("goes on in run"));
    return again;
  }

  /// The same command goes on where the first one ended.
  void expect_resumes() const {
    cure();
    expect_goes_on();
    EXPECT_TRUE(at::equal(result("run", "/twice/y"), expected()));
    EXPECT_LT(record("run")["nodes"][1]["blocks"], 4);
  }

  static Tensor expected() {
    return 2 * (at::arange(256, at::kFloat).div(256.0).view({1, 1, 16, 16}) +
                at::arange(8, at::kFloat).view({8, 1, 1, 1}));
  }
};

struct Ending {
  std::string fault;
  std::string sentence;
};

class Endings : public IsolationTest, public ::testing::WithParamInterface<Ending> {};

TEST_P(Endings, are_errors_of_the_node_and_the_run_goes_on) {
  const Answer answer = expect_fails(
      GetParam().fault, "its process " + GetParam().sentence + " while computing items 4 to 5");
  EXPECT_THAT(answer.err, HasSubstr("the last that it said:\n"));
  // They come by different ways, so in any order.
  for (const char* line : {"it computes", "said on standard output", "said on standard error"})
    EXPECT_THAT(answer.err, HasSubstr("\n  | " + std::string(line) + "\n"));
  EXPECT_THAT(answer.out, IsEmpty());
  expect_resumes();
}

INSTANTIATE_TEST_SUITE_P(All, Endings,
                         ::testing::Values(Ending{"segmentation",
                                                  "was ended by signal 11 (segmentation fault)"},
                                           Ending{"leave", "ended itself with exit code 3"},
                                           Ending{"kill", "was ended by signal 9 (killed)"}),
                         [](const auto& info) { return info.param.fault; });

/// What is said of a node that took longer than it may.
constexpr const char* kLate =
    "took longer than its timeout of 0.3 s while computing items 4 to 5, and did not stop, so its "
    "process was ended";

TEST_F(IsolationTest, a_node_that_hangs_past_its_timeout_is_ended) {
  const Answer answer = expect_fails("hang", kLate, "    timeout: 300 ms\n");
  EXPECT_THAT(answer.err, HasSubstr("  | said on standard error"));
  expect_resumes();
}

TEST_F(IsolationTest, a_node_that_never_stops_talking_is_ended_too) {
  for (const std::string fault : {"progress", "print"}) {
    SCOPED_TRACE(fault);
    expect_fails(fault, kLate, "    timeout: 300 ms\n");
  }
}

TEST_F(IsolationTest, a_program_that_it_has_started_does_not_hide_its_end) {
  expect_fails("helper", "its process ended itself with exit code 3 while computing items 4 to 5");
}

TEST_F(IsolationTest, what_is_no_message_is_a_fault_of_the_plugin) {
  const Answer answer =
      expect_fails("garbage",
                   "its process sent what is no message while computing items 4 to 5, so it was "
                   "ended; this is a fault of its plugin");
  EXPECT_THAT(answer.err, Not(HasSubstr("memory")));
}

TEST_F(IsolationTest, any_thread_of_a_component_may_speak) {
  write_faulty("threads");
  const Answer answer = run();
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_TRUE(at::equal(result("run", "/twice/y"), expected()));
  expect_no_process_left();
}

TEST_F(IsolationTest, what_a_component_throws_is_told_as_ever) {
  expect_fails("raise", "it threw on purpose");
  const Answer together =
      faulty({"run", "faulty.yaml", "--run", "other", "--set", "settings.isolate=[]"});
  EXPECT_THAT(
      together.err,
      HasSubstr("error: faulty.yaml:5:3: node 'twice' (faulty/stage): it threw on purpose"));
  expect_resumes();
}

TEST_F(IsolationTest, items_that_end_the_process_are_skipped_where_that_is_wanted) {
  write("skip.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, block: 2, isolate: [a, b, c], on_item_error: skip}\n"
        "nodes:\n"
        "  x: {use: trial/ramp, with: {items: 8}}\n"
        "  a: {use: faulty/stage, in: {x: x}, with: {fault: segmentation, item: 4}}\n"
        "  b: {use: faulty/stage, in: {x: a}, with: {fault: abort, item: 5}}\n"
        "  c: {use: faulty/stage, in: {x: b}, with: {fault: leave_in_peace, item: 6}}\n");
  const Answer answer = run("skip.yaml");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("3 items skipped"));
  EXPECT_THAT(answer.err, HasSubstr("signal 11 (segmentation fault) while computing item 4"));
  EXPECT_THAT(answer.err, HasSubstr("signal 6 (aborted) while computing item 5"));
  EXPECT_THAT(answer.err, HasSubstr("ended itself with exit code 0 while computing item 6"));
  const Tensor y = result("run", "/c/y");
  for (const int bad : {4, 5, 6}) EXPECT_TRUE(y[bad].isnan().all().item<bool>());
  for (const int sound : {0, 1, 2, 3, 7}) EXPECT_TRUE(at::equal(y[sound], 4 * expected()[sound]));
  expect_no_process_left();
}

TEST_F(IsolationTest, a_process_dies_with_the_one_that_started_it) {
  write_faulty("hang");
  Process process(folder(), with_plugins({"run", "faulty.yaml", "--run", "run"}), {mark()});
  ASSERT_TRUE(within_seconds(60, [&] {  // two blocks are stored, and it hangs in the third
    return text_of_file(in_folder("run") / "journal").find("block twice y 1") != std::string::npos;
  }));
  EXPECT_EQ(isolated_processes(mark()).size(), 1);
  process.send(SIGKILL);
  EXPECT_EQ(process.wait().signal, SIGKILL);
  expect_no_process_left();
  expect_resumes();
}

TEST_F(IsolationTest, an_interrupt_ends_the_run_after_the_block_at_work) {
  write("slow.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, block: 1, durability: 50 ms, isolate: y}\n"
        "nodes:\n"
        "  x: {use: trial/ramp, with: {items: 40}}\n"
        "  y: {use: trial/affine, in: {x: x}, with: {pause: 100 ms}}\n");
  Process process(folder(), with_plugins({"run", "slow.yaml", "--run", "run"}), {mark()});
  ASSERT_TRUE(within_seconds(60, [&] {
    std::error_code none;
    const auto bytes = fs::file_size(in_folder("run") / "journal", none);
    return !none && bytes > 400;
  }));
  // As a terminal does: to all at once.
  for (const pid_t child : isolated_processes(mark())) ::kill(child, SIGINT);
  process.send(SIGINT);
  const Answer answer = process.wait();
  EXPECT_EQ(answer.code, 4) << answer.err;
  EXPECT_THAT(answer.err, Not(HasSubstr("error:")));
  expect_no_process_left();
  expect_goes_on("slow.yaml");
}

TEST_F(IsolationTest, an_interrupt_is_told_to_a_procedure) {
  write("slow.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, block: 1, isolate: [y]}\n"
        "nodes:\n"
        "  x: {use: trial/ramp, with: {items: 1000}}\n"
        "  y: {use: trial/reversed, in: {x: x}, with: {pause: 100 ms}}\n");
  Process process(folder(), with_plugins({"run", "slow.yaml", "--run", "run"}), {mark()});
  ASSERT_TRUE(within_seconds(60, [&] {
    return text_of_file(in_folder("run") / "journal").find("x.x 999 ") != std::string::npos;
  }));
  process.send(SIGINT);
  const Answer answer = process.wait();  // long before it would be done
  EXPECT_EQ(answer.code, 4) << answer.err;
  expect_no_process_left();
}

TEST_F(IsolationTest, results_keys_and_tables_are_those_of_one_process) {
  write("all.yaml",
        "pellucid: 1\n"
        "settings: {threads: 2, block: 3, seed: 7}\n"
        "nodes:\n"
        "  x:      {use: trial/ramp, with: {items: 8, shape: [3, 40, 52]}}\n"
        "  blur:   {use: operators/convolution, with: {kernel: {gaussian: {std: 2}}}}\n"
        "  triple: {use: faulty/scaling, in: {by: tiny}}\n"
        "  tiny:   {use: trial/reversed, in: {x: seeds}}\n"
        "  seeds:  {use: trial/ramp, with: {items: 8, shape: [1, 1, 1]}}\n"
        "  camera: {use: operators/measure, in: {x: x, A: blur}, with: {noise: {gaussian: 0.1}}}\n"
        "  wiener: {use: deconvolution/wiener, in: {y: camera, A: blur}, with: {noise: 0.1}}\n"
        "  noisy:  {use: trial/noise, in: {x: wiener}}\n"
        "  scaled: {use: faulty/stage, in: {x: noisy, A: triple}}\n"
        "  sum:    {use: faulty/sum, in: {x: scaled}}\n"
        "  walk:   {use: faulty/walk, in: {x: scaled, A: triple}}\n"
        "  text:   {use: faulty/text, in: {x: scaled}, with: {to: means.txt}}\n"
        "keep: [camera, wiener, scaled, sum.sum, walk.y]\n");
  const Answer plain = faulty({"run", "all.yaml", "--run", "plain"});
  ASSERT_EQ(plain.code, 0) << plain.err;
  const std::string everything =
      "settings.isolate=[x, blur, triple, tiny, camera, wiener, noisy, scaled, sum, walk, text]";
  const std::vector<std::pair<std::string, std::string>> some_and_all{
      {"2", "settings.isolate=[wiener, scaled, sum, walk, text]"}, {"1", everything}};
  for (const auto& [workers, isolate] : some_and_all) {
    SCOPED_TRACE(isolate);
    fs::remove_all(in_folder("run"));
    const std::string threads = std::to_string(2 * std::stoi(workers));
    const Answer answer =
        faulty({"run", "all.yaml", "--run", "run", "--choices", "plain", "--set", isolate, "--set",
                "settings.workers=" + workers, "--set", "settings.threads=" + threads});
    ASSERT_EQ(answer.code, 0) << answer.err;
    const auto nodes = record("run")["nodes"], before = record("plain")["nodes"];
    EXPECT_EQ(record("run")["key"], record("plain")["key"]);
    ASSERT_EQ(nodes.size(), before.size());
    for (std::size_t node = 0; node < nodes.size(); ++node)
      EXPECT_EQ(nodes[node].value("checksums", nlohmann::json()),
                before[node].value("checksums", nlohmann::json()))
          << nodes[node]["name"];
    EXPECT_EQ(text_of_file(in_folder("run") / "means.txt"),
              text_of_file(in_folder("plain") / "means.txt"));
    EXPECT_EQ(answer.out, plain.out);
  }
  expect_no_process_left();
}

TEST_F(IsolationTest, a_run_goes_on_with_or_without_isolation) {
  write_faulty("abort");
  EXPECT_EQ(run().code, 1);
  cure();
  const Answer again =
      faulty({"run", "faulty.yaml", "--run", "run", "--set", "settings.isolate=[]"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("goes on in run"));
  EXPECT_TRUE(at::equal(result("run", "/twice/y"), expected()));
}

TEST_F(IsolationTest, tiles_are_computed_as_in_one_process) {
  write("tiles.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, tile: [20, 24], seed: 3}\n"
        "nodes:\n"
        "  x: {use: trial/ramp, with: {items: 2, shape: [1, 50, 60]}}\n"
        "  y: {use: trial/box3, in: {x: x}}\n"
        "  z: {use: trial/noise, in: {x: y}}\n");
  ASSERT_EQ(faulty({"run", "tiles.yaml", "--run", "plain"}).code, 0);
  const Answer answer =
      faulty({"run", "tiles.yaml", "--run", "run", "--set", "settings.isolate=[x, y, z]"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_TRUE(at::equal(result("run", "/z/y"), result("plain", "/z/y")));
}

TEST_F(IsolationTest, this_process_does_not_load_the_plugin) {
  write_faulty("none");
  const std::string loaded = "PELLUCID_TEST_LOADED=" + in_folder("loaded").string();
  ASSERT_EQ(faulty({"run", "faulty.yaml", "--run", "run"}, {loaded}).code, 0);
  std::ifstream lines(in_folder("loaded"));
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) EXPECT_THAT(line, HasSubstr("serve-isolated-node"));
  EXPECT_EQ(count, 1);  // described and computed in one process
}

TEST_F(IsolationTest, a_plugin_that_cannot_be_loaded_is_refused) {
  write("never.yaml",
        "pellucid: 1\n"
        "settings: {isolate: [x]}\n"
        "nodes:\n"
        "  x: {use: unloadable/never}\n");
  const Answer answer = faulty({"check", "never.yaml"});
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.err, HasSubstr("never.yaml:4:"));
  EXPECT_THAT(answer.err, HasSubstr("unloadable.so' cannot be loaded: its process was ended by "
                                    "signal 6 (aborted)"));
  expect_no_process_left();
}

TEST_F(IsolationTest, a_fault_while_planning_is_one_of_the_pipeline) {
  for (const std::string moment : {"make", "infer"}) {
    write_faulty("segmentation, moment: " + moment);
    const Answer answer = faulty({"check", "faulty.yaml", "--set", "twice.item=0"});
    EXPECT_EQ(answer.code, 2) << moment;
    EXPECT_THAT(answer.err, HasSubstr("node 'twice' (faulty/stage)")) << moment;
    EXPECT_THAT(answer.err, HasSubstr("signal 11 (segmentation fault)")) << moment;
    EXPECT_THAT(answer.err, HasSubstr("nothing was run"));
  }
  write_faulty("hang, moment: infer", "    timeout: 200 ms\n");
  const Answer answer = faulty({"check", "faulty.yaml", "--set", "twice.item=0"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("took longer than its timeout of 0.2 s"));
  expect_no_process_left();
}

TEST_F(IsolationTest, settings_and_ports_are_checked_where_they_stand) {
  write("wrong.yaml",
        "pellucid: 1\n"
        "settings: {isolate: [twice]}\n"
        "nodes:\n"
        "  x: {use: trial/ramp}\n"
        "  twice: {use: faulty/stage, in: {z: x}, with: {fault: sigmentation, itm: 3}}\n");
  const Answer isolated = faulty({"check", "wrong.yaml"});
  const Answer together = faulty({"check", "wrong.yaml", "--set", "settings.isolate=[]"});
  EXPECT_EQ(isolated.code, 2);
  EXPECT_EQ(isolated.err, together.err);
  EXPECT_THAT(isolated.err, HasSubstr("wrong.yaml:5:"));
}

TEST_F(IsolationTest, unknown_names_are_reported_with_their_place) {
  write_faulty("none");
  const Answer answer = faulty({"check", "faulty.yaml", "--set", "settings.isolate=[twise, 7]"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("'isolate' names no node 'twise'; did you mean 'twice'?"));
  EXPECT_THAT(answer.err, HasSubstr("'isolate' names no node '7'"));
  EXPECT_THAT(faulty({"check", "faulty.yaml", "--set", "settings.isolate={a: 1}"}).err,
              HasSubstr("expected the name of a node, found a map"));
}

TEST_F(IsolationTest, an_object_isolates_every_node_that_uses_it) {
  write("object.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, block: 2, isolate: [triple]}\n"
        "nodes:\n"
        "  x:      {use: trial/ramp}\n"
        "  triple: {use: faulty/scaling, with: {fault: segmentation, moment: prepare, cure: " +
            in_folder("cured").string() +
            "}}\n"
            "  camera: {use: operators/measure, in: {x: x, A: triple}}\n"
            "  other:  {use: trial/affine, in: {x: camera}}\n");
  const Answer check = faulty({"check", "object.yaml"});
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_THAT(check.out, HasSubstr("in processes of their own: triple, camera"));
  EXPECT_THAT(check.out, HasSubstr("; 60 MiB more in processes of isolated nodes"));
  const auto plan = nlohmann::json::parse(faulty({"check", "object.yaml", "--json"}).out);
  for (const auto& node : plan["nodes"])
    EXPECT_EQ(node["isolated"], node["name"] == "triple" || node["name"] == "camera");

  const Answer crashed = run("object.yaml");
  EXPECT_EQ(crashed.code, 1);
  EXPECT_THAT(crashed.err, HasSubstr("node 'camera' (operators/measure): its process was ended by "
                                     "signal 11 (segmentation fault)"));
  cure();
  const Answer answer = run("object.yaml");
  EXPECT_EQ(answer.code, 0) << answer.err;
}

TEST_F(IsolationTest, functions_cannot_be_taken_to_another_process) {
  write("function.yaml",
        "pellucid: 1\n"
        "settings: {isolate: [probe]}\n"
        "nodes:\n"
        "  x:     {use: trial/ramp}\n"
        "  y:     {use: trial/affine, in: {x: x}}\n"
        "  f:     {use: pipeline/function, in: {argument: x, value: y}}\n"
        "  probe: {use: trial/probe, in: {x: x, f: f}}\n");
  const Answer answer = faulty({"check", "function.yaml"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("function.yaml:7:"));
  EXPECT_THAT(answer.err, HasSubstr("'f' is a function that runs nodes of this pipeline, so "
                                    "'probe', which uses it, cannot be isolated"));
  EXPECT_THAT(faulty({"check", "function.yaml", "--set", "settings.isolate=[f]"}).err,
              HasSubstr("so it cannot be isolated; isolate these"));
  // What stands between may be.
  const Answer between = faulty({"run", "function.yaml", "--set", "settings.isolate=[y]"});
  EXPECT_EQ(between.code, 0) << between.err;
}

TEST_F(IsolationTest, faults_of_reducers_procedures_and_sinks_end_and_resume) {
  const std::string cured = "cure: " + in_folder("cured").string();
  const auto fault = [&](const std::string& kind, const std::string& moment) {
    return "{fault: " + kind + ", moment: " + moment + ", item: 5, " + cured + "}";
  };
  write("plain.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, block: 2}\n"
        "nodes:\n"
        "  x:    {use: trial/ramp, with: {items: 8}}\n"
        "  sum:  {use: faulty/sum, in: {x: x}}\n"
        "  walk: {use: faulty/walk, in: {x: x}}\n"
        "  text: {use: faulty/text, in: {x: x}, with: {to: means.txt}}\n"
        "keep: [sum.sum, walk.y]\n");
  ASSERT_EQ(faulty({"run", "plain.yaml", "--run", "plain"}).code, 0);
  struct Case {
    std::string node, with, said, doing, keep;
  };
  const std::vector<Case> cases{
      {"sum", fault("abort", "compute"), "signal 6", "computing items 4 to 5", "[sum.sum]"},
      {"sum", "{fault: kill, moment: finish, " + cured + "}", "signal 9", "finishing", "[sum.sum]"},
      {"walk", fault("segmentation", "compute"), "signal 11", "running", "[walk.y, walk.began]"},
      {"text", "{to: means.txt, with: " + fault("leave", "compute") + "}", "exit code 3",
       "items 4 to 5 were written", "[]"}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.node + " " + one.doing);
    fs::remove_all(in_folder("run"));
    fs::remove(in_folder("cured"));
    write("kinds.yaml",
          "pellucid: 1\n"
          "settings: {threads: 1, block: 2, durability: 0 s, isolate: [" +
              one.node +
              "]}\n"
              "nodes:\n"
              "  x: {use: trial/ramp, with: {items: 8}}\n"
              "  " +
              one.node + ": {use: faulty/" + one.node + ", in: {x: x}, with: " + one.with +
              "}\n"
              "keep: " +
              one.keep + "\n");
    const Answer answer = run("kinds.yaml");
    EXPECT_EQ(answer.code, 1) << answer.err;
    EXPECT_THAT(answer.err, HasSubstr("kinds.yaml:5:3: node '" + one.node + "' (faulty/" +
                                      one.node + "): its process"));
    EXPECT_THAT(answer.err, HasSubstr(one.said));
    EXPECT_THAT(answer.err, HasSubstr("while " + one.doing));
    expect_no_process_left();
    cure();
    ASSERT_EQ(expect_goes_on("kinds.yaml").code, 0);
    if (one.node == "sum") {
      EXPECT_TRUE(at::equal(result("run", "/sum/sum"), result("plain", "/sum/sum")));
    } else if (one.node == "walk") {
      EXPECT_TRUE(at::equal(result("run", "/walk/y"), result("plain", "/walk/y")));
      EXPECT_EQ(result("run", "/walk/began").item<float>(), 4);  // its checkpoint was found
    } else {
      EXPECT_EQ(text_of_file(in_folder("run") / "means.txt"),
                text_of_file(in_folder("plain") / "means.txt"));
    }
  }
}

TEST_F(IsolationTest, a_result_says_what_was_isolated_and_is_replayed_so) {
  write_faulty("none");
  ASSERT_EQ(run().code, 0);
  EXPECT_EQ(record("run")["nodes"][1]["isolated"], true);
  EXPECT_FALSE(record("run")["nodes"][0].contains("isolated"));
  const Answer replay = faulty({"replay", "run/result.h5", "--run", "again"});
  EXPECT_EQ(replay.code, 0) << replay.err;
  EXPECT_EQ(record("again")["nodes"][1]["isolated"], true);
}

// In this program, so that what it holds can be counted.
TEST_F(IsolationTest, nothing_is_left_open) {
  ::setenv("PELLUCID_PLUGIN_PATH",
           (std::string(PELLUCID_TRIAL_PLUGINS) + ":" + PELLUCID_FAULTY_PLUGINS).c_str(), 1);
  write_faulty("kill", "", ", on_item_error: skip");
  const auto count = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto run = [&](const std::string& name) {
    RunOptions options;
    options.folder = in_folder(name);
    EXPECT_EQ(Pipeline::read(in_folder("faulty.yaml")).run(options).skipped_items, 1);
  };
  run("first");
  const auto before = count();
  run("second");
  EXPECT_EQ(count(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child, dead or alive
}

}  // namespace
}  // namespace pellucid::testing

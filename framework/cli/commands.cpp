#include "cli/commands.h"

#include <algorithm>

#include <pellucid/error.h>

#include "base/wrapped.h"

namespace pellucid {
namespace {

constexpr std::size_t kHelpWidth = 96;

const Option kSet{"set", "PATH=VALUE",
                  "override a value of the file, as in restore.iterations=50, vars.sigma=0.1 or "
                  "settings.seed=2; the value is read as YAML",
                  true};
const Option kItems{"items", "A:B", "only items A to B - 1 (counted from 0)"};
const Option kUntil{"until", "NODE", "compute up to this node only, and keep its outputs"};
const Option kRun{"run", "FOLDER", "folder of the run; default runs/ and the name of the file"};
const Option kScratch{"scratch", "FOLDER",
                      "put intermediate buffers there, for example on a fast local disk"};
const Option kPluginPath{"plugin-path", "FOLDER",
                         "look for plugins there first, before PELLUCID_PLUGIN_PATH and the "
                         "installed ones",
                         true};
const Option kQuiet{"quiet", "", "only warnings, errors and results"};
const Option kVerbose{"verbose", "", "tell what every node does"};
const Option kLog{"log", "FILE", "write all messages to a file, with times"};
const Option kJson{"json", "", "print JSON"};

std::vector<Command> make_commands() {
  using Operand = Command::Operand;
  return {
      {"run",
       "FILE",
       Operand::required,
       true,
       "run a pipeline, or go on with one",
       "Runs a pipeline in a folder of its own. Where that holds an interrupted run of the same\n"
       "pipeline, the run goes on: no block that is stored is computed again. A finished run says\n"
       "so. An interrupt (Ctrl-C, SIGTERM) ends the run after the blocks at work; a second one\n"
       "ends it at once, and neither loses what is stored.",
       {kSet,
        kRun,
        kScratch,
        {"overwrite", "", "replace finished results, and another run in the same folder"},
        kItems,
        kUntil,
        {"choices", "RUN", "take the FFT plans of another run, also of another machine"},
        kPluginPath,
        kQuiet,
        kVerbose,
        kLog},
       {"pellucid run deblur.yaml",
        "pellucid run deblur.yaml --set restore.iterations=50 --run runs/short",
        "pellucid run deblur.yaml --items 0:4 --until wiener"}},
      {"check",
       "FILE",
       Operand::required,
       true,
       "check a pipeline and print its plan",
       "Checks all of a pipeline without reading a pixel: names, values, ports, shapes, units. "
       "Prints\n"
       "a table of its nodes with what each gives, the size of the blocks, where all items must "
       "be\n"
       "waited for, and how much memory and disk a run will take.",
       {kSet, kItems, kUntil, kRun, kScratch, kPluginPath, kJson},
       {"pellucid check deblur.yaml", "pellucid check deblur.yaml --set settings.memory='2 GiB'",
        "pellucid check deblur.yaml --json"}},
      {"graph",
       "FILE",
       Operand::required,
       true,
       "draw a pipeline's graph",
       "Prints the graph of a pipeline, every edge with what it carries.",
       {{"format", "dot|mermaid", "the language of the drawing; default dot"},
        kSet,
        kItems,
        kUntil,
        kPluginPath},
       {"pellucid graph deblur.yaml | dot -Tsvg > deblur.svg",
        "pellucid graph deblur.yaml --format mermaid"}},
      {"plugins",
       "",
       Operand::none,
       false,
       "list plugins and their components",
       "Lists every plugin of the search path with its components; `pellucid describe` says more "
       "of\n"
       "each component, `pellucid doctor` of plugins that cannot be used.",
       {kPluginPath},
       {"pellucid plugins", "pellucid plugins --plugin-path ~/mine/build/plugins"}},
      {"describe",
       "NAME",
       Operand::optional,
       false,
       "describe a component or a plugin",
       "Prints what a component computes, its ports, and its settings with units, ranges and\n"
       "defaults. Of a plugin it prints the list of components.",
       {{"all", "", "describe every component, and the settings of a pipeline"},
        kJson,
        {"markdown", "", "print Markdown"},
        {"to", "FOLDER", "with --all --markdown: write a page for each plugin there"},
        kPluginPath},
       {"pellucid describe operators/convolution", "pellucid describe io",
        "pellucid describe --all --markdown --to reference"}},
      {"doctor",
       "",
       Operand::none,
       false,
       "say why a plugin cannot be used",
       "Lists the folders that plugins are looked for in and every file in them, with the reason "
       "why\n"
       "one was refused: a library that it needs is missing, it was built for another Pellucid, it "
       "is\n"
       "damaged, another file of the same name comes first.",
       {kPluginPath},
       {"pellucid doctor"}},
      {"import-weights",
       "FILE",
       Operand::required,
       false,
       "take over the weights of another program",
       "Reads the named tensors of a PyTorch state dict (.pth, .pt, .pth.tar, of PyTorch 1.6 or "
       "later),\n"
       "of safetensors or HDF5, and writes them as HDF5 with a checksum each. Nothing in a file "
       "is\n"
       "executed: anything but tensors, numbers, texts and containers is refused by name.",
       {{"to", "FILE", "the HDF5 file to write"},
        {"for", "PLUGIN/COMPONENT",
         "check that this component takes them: no key missing, unknown or of another shape"},
        {"dtype", "float16|float32|float64", "store the numbers in this precision"},
        {"overwrite", "", "replace the file if it is there"}},
       {"pellucid import-weights bmshj2018-q3.pth.tar --to q3.h5 --for "
        "autoencoder/bmshj2018-hyperprior",
        "pellucid import-weights net.safetensors --to net.h5 --dtype float16"}},
      {"new-plugin",
       "NAME",
       Operand::required,
       false,
       "begin a plugin of your own",
       "Writes the folder NAME: a component with its manual, its test, a build file and a README.\n"
       "It builds against this installation and passes its test at once.",
       {{"kind", "KIND",
         "what the component is: operator (the default), stage, reducer, prior, denoiser or "
         "functional"}},
       {"pellucid new-plugin sharpen", "pellucid new-plugin sparsity --kind functional"}},
      {"test-plugin",
       "PATH",
       Operand::required,
       false,
       "test a plugin without its source",
       "Finds inputs that each component of a plugin takes, and checks on them whatever the SDK "
       "asks\n"
       "of a component: adjoints, gradients, specs, blocks, threads, tiles, sizes, memory and "
       "more.\n"
       "PATH is a library, or a folder of them. Each component runs in a process of its own. Exit "
       "code\n"
       "1 where a check fails.",
       {{"component", "NAME", "only this component", true},
        {"check", "NAME", "only this check", true},
        {"cases", "FILE",
         "YAML that describes inputs the kit cannot guess; default STEM.cases.yaml beside the "
         "library"},
        {"junit", "FILE", "write the findings as JUnit XML"},
        {"timeout", "SECONDS", "a check that takes longer fails; default 120"},
        {"in-process", "", "test in this process, as under a debugger"},
        {"all", "", "show checks that do not apply as well"},
        kJson,
        kPluginPath},
       {"pellucid test-plugin build/plugins/sharpen.so",
        "pellucid test-plugin build/plugins --junit findings.xml",
        "pellucid test-plugin build/plugins/sharpen.so --component sharpen --check adjoint"}},
      {"schema",
       "",
       Operand::none,
       false,
       "print a JSON Schema for editors",
       "Prints a JSON Schema of the pipeline language and of the settings of every plugin, from "
       "which\n"
       "an editor completes and checks pipelines while they are typed.",
       {kPluginPath},
       {"pellucid schema > pellucid.schema.json"}},
      {"info",
       "FILE",
       Operand::required,
       false,
       "say what a result file or a run holds",
       "Prints the arrays and tables of a result file, and how they were made. Of the folder of a "
       "run\n"
       "it says how the run went, then the same of its results.",
       {kJson},
       {"pellucid info runs/deblur/result.h5", "pellucid info runs/deblur --json"}},
      {"replay",
       "RESULT",
       Operand::required,
       false,
       "run again what made a result, and compare",
       "Runs again what a result was made from, in a folder of its own, and says whether "
       "everything is\n"
       "equal to the bit, or which node is the first to differ.",
       {{"run", "FOLDER", "folder of the new run; default the name of the result with .replay"},
        kPluginPath,
        kQuiet,
        kVerbose,
        kLog},
       {"pellucid replay runs/deblur/result.h5"}},
      {"version",
       "",
       Operand::none,
       false,
       "print the version and what it was built with",
       "Prints the version of Pellucid, of its pipeline language and of the libraries that "
       "results\n"
       "depend on.",
       {},
       {"pellucid version"}},
      {"help",
       "COMMAND",
       Operand::optional,
       false,
       "print this, or more of a command",
       "Prints the list of commands, or the help of one.",
       {},
       {"pellucid help run"}},
  };
}

// Names in one column, what they mean in the next.
std::string definitions(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [name, meaning] : rows) width = std::max(width, name.size());
  const std::size_t indent = 2 + width + 2;
  std::string text;
  for (const auto& [name, meaning] : rows)
    text += "  " + name + std::string(indent - 2 - name.size(), ' ') +
            wrapped(meaning, indent, kHelpWidth) + "\n";
  return text;
}

std::string usage_of(const Command& command) {
  std::string text = command.name;
  if (command.operand == Command::Operand::required)
    text += std::string(" ") + command.operand_name;
  if (command.operand == Command::Operand::optional)
    text += std::string(" [") + command.operand_name + "]";
  return text;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = make_commands();
  return all;
}

const Command* find_command(const std::string& name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

std::string unknown_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  const std::string nearest = nearest_name(name, names);
  return "there is no command '" + name + "'; " +
         (nearest.empty() ? "`pellucid --help` lists them" : "did you mean '" + nearest + "'?");
}

std::vector<Option> all_options() {
  std::vector<Option> options;
  for (const Command& command : commands())
    for (const Option& option : command.options)
      if (std::none_of(options.begin(), options.end(),
                       [&](const Option& known) { return std::string(known.name) == option.name; }))
        options.push_back(option);
  return options;
}

std::string general_help() {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Command& command : commands()) rows.emplace_back(usage_of(command), command.summary);
  return "usage: pellucid COMMAND [options]\n"
         "\n"
         "Runs computational imaging pipelines, written in YAML, through plugins.\n"
         "\n"
         "commands\n" +
         definitions(rows) +
         "\n"
         "`pellucid COMMAND --help` says more of a command. Options may stand anywhere.\n"
         "\n"
         "exit codes\n" +
         definitions({{"0", "done"},
                      {"1", "failed while running"},
                      {"2", "the pipeline, or the command line, is wrong"},
                      {"3", "a plugin is missing or was refused"},
                      {"4", "interrupted; the same command goes on from there"}});
}

std::string help_of(const Command& command) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Option& option : command.options) {
    std::string name = std::string("--") + option.name;
    if (*option.value != '\0') name += std::string(" ") + option.value;
    std::string summary = option.summary;
    if (option.repeated) summary += " (may be given several times)";
    rows.emplace_back(name, summary);
  }
  rows.emplace_back("--help", "print this");

  std::string text = "usage: pellucid " + usage_of(command) +
                     (command.options.empty() ? "" : " [options]") + "\n\n" + command.description +
                     "\n\noptions\n" + definitions(rows) + "\nexamples\n";
  for (const char* example : command.examples) text += std::string("  ") + example + "\n";
  return text;
}

}  // namespace pellucid

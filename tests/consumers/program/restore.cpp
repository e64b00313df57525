// restore: reads a pipeline, says what a port will carry, and runs it.
//
//   restore PIPELINE PORT FOLDER [NODE.KEY=VALUE...]

#include <exception>
#include <iostream>

#include <pellucid/pipeline.h>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: restore PIPELINE PORT FOLDER [NODE.KEY=VALUE...]\n";
    return 1;
  }
  try {
    const auto pipeline = pellucid::Pipeline::read(argv[1], {argv + 4, argv + argc});
    std::cout << argv[2] << ": " << pipeline.spec(argv[2]).text() << "\n";

    pellucid::RunOptions options;
    options.folder = argv[3];
    const pellucid::RunSummary done = pipeline.run(options);
    for (const auto& result : done.results) std::cout << "wrote " << result.string() << "\n";
    return static_cast<int>(done.status);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}

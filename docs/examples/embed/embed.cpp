// embed: restores images with Pellucid from a program of its own.
//
//   embed PIPELINE FOLDER [NODE.KEY=VALUE...]
//
// It checks a pipeline and says what the restoration will be, runs the pipeline and shows how far it
// is, prints the quality of each item, and uses the part from the camera to the restored image as a
// function of tensors in memory.

#include <ATen/ATen.h>

#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include <pellucid/dataset.h>
#include <pellucid/error.h>
#include <pellucid/pipeline.h>

namespace {

using pellucid::DatasetReader;
using pellucid::Pipeline;
using pellucid::Tensor;

/// All of an array of a result.
Tensor stored(const std::filesystem::path& result, const std::string& path) {
  const DatasetReader reader({result, path});
  return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
}

pellucid::RunSummary run(const Pipeline& pipeline, const std::filesystem::path& folder) {
  pellucid::RunOptions options;
  options.folder = folder;
  options.progress = [](const std::string& node, std::int64_t done, std::int64_t total) {
    std::cerr << node << ": " << done << " of " << total << " blocks\n";
  };
  return pipeline.run(options);
}

/// The columns of a table are arrays of the result.
void print_quality(const std::filesystem::path& result) {
  const Tensor item = stored(result, "/score/scores/item");
  const Tensor psnr = stored(result, "/score/scores/psnr");
  const Tensor ssim = stored(result, "/score/scores/ssim");
  std::cout << "item  psnr [dB]   ssim\n" << std::fixed;
  for (std::int64_t row = 0; row < item.size(0); ++row)
    std::cout << std::setw(4) << item[row].item<std::int64_t>() << std::setprecision(2)
              << std::setw(11) << psnr[row].item<double>() << std::setprecision(3) << std::setw(7)
              << ssim[row].item<double>() << "\n";
}

/// How far the restoration of the first item moves where the camera is off by one part in a hundred,
/// with both versions in one batch.
void print_sensitivity(const Pipeline& pipeline, const std::filesystem::path& result) {
  const auto restore = pipeline.function("camera", "wiener");
  const Tensor camera = stored(result, "/camera/y").narrow(0, 0, 1);
  const Tensor restored = (*restore)(at::cat({camera, camera * 1.01}), /*item=*/0);

  const Tensor before = stored(result, "/wiener/x")[0];
  std::cout << std::setprecision(6) << "in memory as in the run: "
            << (at::allclose(restored[0], before, 1e-5, 1e-6) ? "yes" : "no")
            << "\nmoved by at most " << (restored[1] - restored[0]).abs().max().item<double>()
            << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: embed PIPELINE FOLDER [NODE.KEY=VALUE...]\n";
    return 2;
  }
  try {
    const Pipeline pipeline = Pipeline::read(argv[1], {argv + 3, argv + argc});
    std::cout << "restores " << pipeline.spec("wiener").text() << "\n";

    const pellucid::RunSummary done = run(pipeline, argv[2]);
    if (done.up_to_date) std::cout << "the run was finished before\n";
    const std::filesystem::path result = done.folder / "result.h5";
    print_quality(result);
    print_sensitivity(pipeline, result);
    return static_cast<int>(done.status);
  } catch (const pellucid::PipelineErrors& errors) {
    std::cerr << errors.what();
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}

// pellucid import-weights: the weights of another program's file, checked, in a file of ours.

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include <ATen/core/grad_mode.h>

#include <pellucid/testing.h>
#include <pellucid/version.h>
#include <pellucid/weights.h>

#include "base/bytes.h"
#include "buffers/checksum.h"
#include "cli/actions.h"
#include "cli/outcome.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

fs::path destination(const Arguments& arguments) {
  if (!arguments.has("to")) throw UsageError("--to must name the file to write, as in --to net.h5");
  const fs::path to = arguments.text("to");
  if (to.extension() != ".h5" && to.extension() != ".hdf5")
    throw UsageError("--to must end in .h5 or .hdf5, got '" + to.string() + "'");
  if (fs::exists(to) && !arguments.has("overwrite"))
    throw UsageError("'" + to.string() + "' is there already; give --overwrite to replace it");
  return to;
}

/// The dtype that numbers are stored in; nothing: the one they have.
std::optional<at::ScalarType> dtype_of(const Arguments& arguments) {
  if (!arguments.has("dtype")) return std::nullopt;
  const std::string name = arguments.text("dtype");
  for (const at::ScalarType dtype : {at::kHalf, at::kFloat, at::kDouble})
    if (dtype_name(dtype) == name) return dtype;
  throw UsageError("--dtype must be float16, float32 or float64, got '" + name + "'");
}

/// A component takes them: all keys are there, in their shapes, and no others.
void require_taken(const std::string& use, const fs::path& file) {
  const auto component = testing::load_component(use, {{"weights", Value(file.string())}});
  if (auto* object = dynamic_cast<Object*>(component.get())) object->bind({});
  component->prepare({}, *testing::context());
}

}  // namespace

int import_weights(const Arguments& arguments) {
  const fs::path from = arguments.operand(), to = destination(arguments);
  const auto dtype = dtype_of(arguments);
  Weights weights = read_weights(from);
  if (arguments.has("for")) require_taken(arguments.text("for"), from);

  std::int64_t numbers = 0, bytes = 0;
  for (auto& [key, tensor] : weights.tensors) {
    if (dtype && tensor.is_floating_point()) {
      tensor = tensor.to(*dtype);
      if (const std::int64_t bad = first_nonfinite(tensor); bad >= 0)
        throw Error("element " + std::to_string(bad) + " of '" + key + "' is too large for " +
                    dtype_name(*dtype) + "; leave out --dtype");
    }
    numbers += tensor.numel();
    bytes += tensor.numel() * tensor.element_size();
  }
  weights.attributes["source"] = from.filename().string();
  weights.attributes["imported_by"] = std::string("pellucid ") + kVersion;
  write_weights(to, weights);

  std::cout << to.string() << ": " << weights.tensors.size() << " tensors, " << numbers
            << " numbers, " << bytes_text(bytes) << "\n";
  if (arguments.has("for")) std::cout << arguments.text("for") << " takes them\n";
  return number(ExitCode::done);
}

}  // namespace pellucid

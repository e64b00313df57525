// parameters: where the layers of a network get their numbers from, under the names that files use.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/random.h>
#include <pellucid/weights.h>

namespace pellucid {

/// The tensors of a network: those below `state_dict` in a file that holds more, else all.
Weights read_network(const std::filesystem::path& file);
/// float64 if a tensor is, else float32.
at::ScalarType precision_of(const Weights& weights);
std::map<std::string, std::vector<std::int64_t>> network_shapes(const std::filesystem::path& file);

/// Hands each layer its tensors, from the weights of a file or made anew, and remembers them in the
/// order of the layers. Keys are those of CompressAI's state dicts.
class Parameters {
 public:
  /// Those of a file, in the dtype asked for. Wrong shapes and missing keys are errors that name
  /// the key and the file.
  Parameters(Weights weights, at::ScalarType dtype);
  /// New ones in float32; `draw` gives the random numbers of a key.
  explicit Parameters(std::function<Random(const std::string& key)> draw);

  /// The tensor of a key; a new one is `made(draw)`.
  Tensor take(const std::string& key, at::IntArrayRef shape,
              const std::function<Tensor(const Random& draw)>& made);

  struct Named {
    std::string key;
    Tensor tensor;
  };
  const std::vector<Named>& all() const { return all_; }
  /// Keys of the file that no layer took and that are no constants of the layers. Throws
  /// ConfigError naming them.
  void require_all_taken() const;

 private:
  Weights weights_;
  at::ScalarType dtype_ = at::kFloat;
  std::function<Random(const std::string&)> draw_;
  std::vector<Named> all_;
};

}  // namespace pellucid

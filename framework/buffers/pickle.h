// A reader of Python pickles that builds plain values and PyTorch's tensors, and nothing else: no
// code of the file is ever looked up or called.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

namespace pellucid {

/// What a pickle holds. Containers refer to values that the Pickle owns, so a pickle that contains
/// itself is no trouble.
class Pickle {
 public:
  struct Value;
  struct None {};
  struct List {
    std::vector<const Value*> values;  ///< a list, tuple or set
  };
  struct Dictionary {
    std::vector<std::pair<const Value*, const Value*>> values;
  };
  /// A Python name, one of the few that are allowed: "collections.OrderedDict".
  struct Global {
    std::string name;
  };
  struct Storage {
    at::ScalarType dtype;
    std::string key;  ///< entry "data/KEY" of the archive
    std::int64_t numel;
  };
  struct TensorPlace {
    Storage storage;
    std::int64_t offset;
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> stride;
  };
  struct Value {
    std::variant<None, bool, std::int64_t, double, std::string, List, Dictionary, Global, Storage,
                 TensorPlace>
        value;

    template <class T>
    const T* as() const {
      return std::get_if<T>(&value);
    }
  };

  /// Throws Error: truncated, an operation or global that is not allowed (by name).
  explicit Pickle(std::string_view bytes);

  const Value& root() const { return *root_; }

 private:
  friend class PickleMachine;
  std::deque<Value> values_;
  const Value* root_ = nullptr;
};

}  // namespace pellucid

// Instance: a component made for a case, and called block by block as a run calls it, whatever kind
// it is.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/case.h"
#include "conformance/methods.h"
#include "conformance/results.h"

namespace pellucid::conformance {

/// How a computation is cut and watched.
struct Manner {
  std::int64_t block = 0;  ///< items of a block; 0: all at once
  bool backwards = false;  ///< the last block first
  int threads = 1;
  /// Replaces each tensor of a call: by one with other strides, with other values.
  std::function<Tensor(const std::string& port, const Tensor& part, const Block& block)> disguise;
  /// Inputs that a call wrote to are a Fault.
  bool guard = false;
  const std::atomic<bool>* stop = nullptr;
  /// Set where a call warns.
  std::atomic<bool>* warned = nullptr;
};

class Instance {
 public:
  /// Makes, binds, infers and, unless it is only to be planned, prepares. Throws Error where the
  /// component refuses the case, and whatever else it throws.
  Instance(const ComponentDescriptor& component, const Case& of, bool only_planned = false);
  void prepare();

  const Case& of() const { return *case_; }
  Kind kind() const { return descriptor_->kind; }
  const std::shared_ptr<Component>& component() const { return component_; }
  const Promises& promised() const { return promised_; }
  const std::vector<Method>& methods() const { return methods_; }
  std::int64_t items() const { return items_; }
  bool is_cut_into_blocks() const;

  /// One call: of a Reducer the state of the block. Throws Fault where the outputs are not as
  /// promised.
  Results compute(const Block& block, const Manner& manner = {}) const;
  /// All blocks, joined; of a Reducer or Procedure the outputs.
  Results run(const Manner& manner = {}) const;

  /// What one block needs beyond inputs and outputs, as declared; nothing where that is not.
  std::optional<std::int64_t> working_bytes() const;
  /// How far it looks beyond a region, as declared; nothing where items stay whole.
  std::optional<std::vector<std::int64_t>> halo() const;
  /// Spec of the items that `halo` speaks of.
  std::optional<Spec> tiled() const;

 private:
  void plan();
  Results compute_object(const Block& block, const Manner& manner) const;
  std::shared_ptr<Component> made_in(const std::filesystem::path& folder) const;
  Results reduced(const Manner& manner) const;
  Results procedure(const Manner& manner) const;
  Results sink(const Manner& manner) const;
  std::vector<Block> blocks(const Manner& manner) const;
  std::vector<Inputs::Edge> cut(const Block& block, const Manner& manner) const;

  const ComponentDescriptor* descriptor_;
  std::shared_ptr<const Case> case_;
  std::shared_ptr<Component> component_;
  Promises promised_;
  std::int64_t items_ = 1;
  std::string written_to_;  ///< what `prepare` did to an input that must stay as it is
  std::vector<Method> methods_;
};

/// A new component from settings; throws ConfigError with the first problem.
std::shared_ptr<Component> make(const ComponentDescriptor& component, const Value& settings);

}  // namespace pellucid::conformance

// FunctionModel: a part of a pipeline as a black box, the component `pipeline/function`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/model.h>
#include <pellucid/plugin.h>

namespace pellucid {

/// `pipeline/function`, built into the core: its ports are references, not edges.
const ComponentDescriptor& function_component();

/// Makes it known to the registry, once; planning does so by itself.
void register_function_component();

/// The nodes between argument and value, as a function follows them.
struct FunctionSteps {
  struct Input {
    std::string port;
    bool open = false;                ///< gathered by an AnyIn
    bool argument = false;            ///< it is what the function is called with
    std::optional<std::size_t> step;  ///< producer among the steps
    std::string from;                 ///< its port; without a step, the name of a side input
  };
  struct Step {
    std::string name;
    std::string use;
    std::shared_ptr<Component> instance;
    /// Another instance of an object, which is bound anew for every argument; null for the rest.
    std::function<std::shared_ptr<Component>()> make;
    std::vector<Input> inputs;
  };
  /// One for each of PlannedFunction::between, in that order; the last one gives the value.
  std::vector<Step> steps;
  std::string value_port;
};

/// A Model that follows steps. Planning needs `range` alone; a run says how to compute.
class FunctionModel : public Model {
 public:
  using Runner = std::function<Tensor(const Tensor& batch, std::int64_t item)>;

  explicit FunctionModel(std::shared_ptr<const FunctionSteps> steps);
  ~FunctionModel() override;

  /// Keeps specs and objects of the side inputs, named "NODE.PORT".
  void bind(const Inputs& specs) override;
  /// Infers through the steps, one row at a time.
  Spec range(const Spec& argument) const override;
  Tensor operator()(const Tensor& batch, std::int64_t item) const override;

  void set_runner(Runner runner) { runner_ = std::move(runner); }
  const FunctionSteps& steps() const { return *steps_; }
  const std::shared_ptr<const FunctionSteps>& shared_steps() const { return steps_; }

 private:
  std::shared_ptr<const FunctionSteps> steps_;
  Inputs side_;
  Runner runner_;
};

}  // namespace pellucid

// combination: what operators made of other operators have in common.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/operator.h>
#include <pellucid/ports.h>

#include "masking.h"

namespace pellucid {

/// An operator that is an input of another one, which keeps it alive.
using Held = std::shared_ptr<const LinearOperator>;

Held held(const Inputs& in, const In<LinearOperator>& port);

/// An operator made of up to four others that are all applied to x.
class Combination : public LinearOperator, public Masking {
 public:
  static constexpr In<LinearOperator> A{"A", "the first operator"};
  static constexpr In<LinearOperator> B{"B", "the second"};
  static constexpr In<LinearOperator> C{"C", "a third", optional};
  static constexpr In<LinearOperator> D{"D", "a fourth", optional};
  static const Ports& ports();

  void bind(const Inputs& in) override;
  void prepare(const Inputs& in, Context&) override { bind(in); }
  bool leaves_samples_out() const override;
  /// The largest along each axis; empty where a part has none.
  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override;
  /// The most that any part takes, one after the other.
  std::int64_t working_bytes(const Spec& x) const override;

 protected:
  /// An operator and the port it came in by.
  struct Part {
    std::string name;
    Held a;
  };

  /// In the order of the ports, without those that are not connected.
  const std::vector<Part>& parts() const { return parts_; }
  /// Throws ConfigError where the setting `name` has `count` numbers, and not one for each part.
  void require_one_each(const std::string& name, std::size_t count) const;
  /// What all parts are applied to, if part number i gave `y(i)`: the domain of the first part that
  /// can tell it. Throws the first one's reason where none can.
  Spec common_domain(const std::function<Spec(std::size_t)>& y) const;

 private:
  std::vector<Part> parts_;
};

}  // namespace pellucid

// Case: one way to use a component, with everything that it needs: settings, inputs, objects.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/plugin.h>
#include <pellucid/ports.h>
#include <pellucid/value.h>

namespace pellucid::conformance {

struct Case {
  Value settings;                    ///< a map
  std::vector<Inputs::Edge> inputs;  ///< values of all items, or objects
  /// What an object is applied to, once it has its inputs.
  std::optional<Inputs::Edge> argument;

  /// Items of the largest edge; 1 without any.
  std::int64_t items() const;
  /// "{boundary: circular}; x: 4 x float32 chw 3x12x10".
  std::string text() const;
  /// Every edge with a tensor, the argument last.
  std::vector<Inputs::Edge*> tensors();
  std::vector<const Inputs::Edge*> tensors() const;
};

/// An edge of this spec, filled with numbers that are the same in every process: within [0.05, 1),
/// integers within [0, 9]. Tensors of one item are those of item 0.
Inputs::Edge tensor_edge(const std::string& port, const Spec& spec);
/// The same with another spec: other sizes, items or dtype. A mask stays one.
Inputs::Edge with_spec(const Inputs::Edge& edge, const Spec& spec);
/// All numbers are 0 or 1.
bool is_mask(const Tensor& values);
/// Ones and zeros instead of its numbers.
Inputs::Edge as_mask(const Inputs::Edge& edge);
/// A table of rows with numbers, truths and texts.
Inputs::Edge table_edge(const std::string& port, const TableSpec& spec);
Inputs::Edge object_edge(const std::string& port, std::shared_ptr<const Component> object);

/// Standard normal draws for the items of a spec, made in double precision.
Tensor normal_like(const Spec& spec, const std::string& purpose);

inline const Spec& tensor_spec(const Inputs::Edge& edge) { return std::get<Spec>(edge.spec); }
inline const Tensor& tensor_of(const Inputs::Edge& edge) { return std::get<Tensor>(edge.value); }

/// What an edge holds of a block: its items, or the only one there is; a region of them where the
/// last axes have the size that was cut.
Inputs::Edge part_of(const Inputs::Edge& edge, const Block& block, std::int64_t items);
/// The edges as a plan knows them: without values.
Inputs planned(const ComponentDescriptor& component, const std::vector<Inputs::Edge>& edges);
/// The edges as a call is given them.
Inputs given(const ComponentDescriptor& component, const std::vector<Inputs::Edge>& edges,
             const Block& block);

}  // namespace pellucid::conformance

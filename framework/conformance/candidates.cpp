#include "conformance/candidates.h"

#include <algorithm>
#include <exception>
#include <set>

#include "conformance/instance.h"
#include "conformance/references.h"
#include "conformance/settings.h"

namespace pellucid::conformance {
namespace {

constexpr std::int64_t kItems = 4;
constexpr std::size_t kMostCases = 24;
constexpr int kMostTries = 4000;  // of one set of settings

Spec spec_of(const std::string& axes, std::vector<std::int64_t> shape,
             at::ScalarType dtype = at::kFloat) {
  return {kItems, dtype, axes, std::move(shape), {}, {}, {}};
}

/// What a component may be made for, the most usual first. Sides differ and are even; then powers
/// of two and squares, for transforms that want them; then larger ones.
const std::vector<Spec>& ladder() {
  static const std::vector<Spec> all = [] {
    std::vector<Spec> specs{
        spec_of("chw", {3, 12, 10}),     spec_of("chw", {1, 12, 10}), spec_of("hw", {12, 10}),
        spec_of("chw", {3, 16, 16}),     spec_of("chw", {1, 16, 16}), spec_of("hw", {16, 16}),
        spec_of("czyx", {1, 6, 10, 12}), spec_of("zyx", {6, 10, 12}), spec_of("chw", {3, 36, 32}),
        spec_of("chw", {1, 36, 32}),     spec_of("hw", {36, 32}),     spec_of("aw", {12, 16}),
    };
    for (const at::ScalarType dtype : {at::kComplexFloat, at::kDouble, at::kLong, at::kByte})
      for (const char* axes : {"hw", "chw1", "chw3", "czyx"}) {
        const std::string name(axes);
        if (name == "hw") specs.push_back(spec_of("hw", {16, 16}, dtype));
        if (name == "chw1") specs.push_back(spec_of("chw", {1, 16, 16}, dtype));
        if (name == "chw3") specs.push_back(spec_of("chw", {3, 16, 16}, dtype));
        if (name == "czyx") specs.push_back(spec_of("czyx", {1, 8, 16, 16}, dtype));
      }
    specs.push_back(spec_of("w", {16}));
    specs.push_back(spec_of("cw", {3, 16}));
    specs.push_back(spec_of("x", {16}));
    specs.push_back(spec_of("", {}));
    specs.push_back(spec_of("chw", {3, 64, 64}));
    specs.push_back(spec_of("chw", {1, 64, 64}));
    specs.push_back(spec_of("chw", {3, 192, 192}));
    specs.push_back(spec_of("chw", {1, 192, 192}));
    return specs;
  }();
  return all;
}

/// Specs of a second tensor beside a first one: the same, one for all items, without channels, and
/// small kernels.
std::vector<Spec> beside(const Spec& first, bool kernels) {
  std::vector<Spec> all{first};
  Spec one = first;
  one.items = 1;
  Spec plane = one;
  if (plane.axes.size() > 2 && plane.axes[0] == 'c') {
    plane.axes.erase(0, 1);
    plane.shape.erase(plane.shape.begin());
  }
  Spec grey = one;
  if (!grey.axes.empty() && grey.axes[0] == 'c') grey.shape[0] = 1;
  Spec coils = one;
  coils.dtype = at::kComplexFloat;
  if (coils.axes == "hw")
    coils = {1, at::kComplexFloat, "chw", {3, plane.shape[0], plane.shape[1]}, {}, {}, {}};
  const std::vector<Spec> small{{1, at::kFloat, "hw", {3, 3}, {}, {}, {}},
                                {1, at::kFloat, "chw", {1, 3, 3}, {}, {}, {}},
                                {1, at::kFloat, "zyx", {3, 3, 3}, {}, {}, {}}};
  if (kernels) all.insert(all.begin(), small.begin(), small.end());
  all.insert(all.end(), {one, plane, grey, coils});
  if (!kernels) all.insert(all.end(), small.begin(), small.end());
  return all;
}

TableSpec plain_table(std::int64_t items) {
  return {items, 1, {{"value", Column::Type::real, "1", 0, "a number"}}};
}

/// The inputs a case has yet to be given, and what each may be.
class Search {
 public:
  Search(const ComponentDescriptor& component, const Case& given, std::vector<const Port*> ports)
      : component_(component), case_(given), ports_(std::move(ports)) {}

  /// The first specs with which the component plans.
  std::optional<Case> first(Found& found) {
    found_ = &found;
    return with_objects(0) ? std::optional(case_) : std::nullopt;
  }

 private:
  bool with_objects(std::size_t index) {
    if (index == ports_.size()) return with_tensors();
    const Port& port = *ports_[index];
    if (port.type == PortType::tensor || port.type == PortType::table)
      return with_objects(index + 1);
    for (const auto& object : references(port.type)) {
      case_.inputs.push_back(object_edge(port.name, object));
      if (with_objects(index + 1)) return true;
      case_.inputs.pop_back();
    }
    return false;
  }

  bool with_tensors() {
    std::vector<std::string> tensors;
    for (const Port* port : ports_) {
      if (port->type == PortType::tensor) tensors.push_back(port->any ? "first" : port->name);
      if (port->type == PortType::table)
        case_.inputs.push_back(table_edge(port->name, plain_table(kItems)));
    }
    const bool is_made = is_object(component_.kind);
    if (is_made && case_.argument) {
      if (tensors.empty()) return is_taken();
      for (const Spec& spec : beside(tensor_spec(*case_.argument), true))
        if (with_rest(tensors, spec)) return true;
      return false;
    }
    if (!is_made && tensors.empty()) return is_taken();

    for (const Spec& first : ladder()) {
      if (is_made) {
        case_.argument = tensor_edge("x", first);
        if (tensors.empty() ? is_taken() : with_any(tensors, beside(first, true))) return true;
        case_.argument.reset();
        continue;
      }
      case_.inputs.push_back(tensor_edge(tensors.front(), first));
      const std::vector<std::string> rest(tensors.begin() + 1, tensors.end());
      if (rest.empty() ? is_taken() : with_any(rest, beside(first, false))) return true;
      case_.inputs.pop_back();
      if (tries_ > kMostTries) return false;
    }
    return false;
  }

  bool with_any(const std::vector<std::string>& ports, const std::vector<Spec>& specs) {
    for (const Spec& spec : specs)
      if (with_rest(ports, spec)) return true;
    // Where all alike do not fit, the second may differ from the others.
    if (ports.size() != 2) return false;
    for (const Spec& one : specs)
      for (const Spec& other : specs) {
        case_.inputs.push_back(tensor_edge(ports[0], one));
        case_.inputs.push_back(tensor_edge(ports[1], other));
        if (is_taken()) return true;
        case_.inputs.resize(case_.inputs.size() - 2);
      }
    return false;
  }

  bool with_rest(const std::vector<std::string>& ports, const Spec& spec) {
    for (const std::string& port : ports) case_.inputs.push_back(tensor_edge(port, spec));
    if (is_taken()) return true;
    case_.inputs.resize(case_.inputs.size() - ports.size());
    return false;
  }

  bool is_taken() {
    if (++tries_ > kMostTries) return false;
    try {
      const Instance planned(component_, case_, /*only_planned=*/true);
      return true;
    } catch (const Error& refusal) {
      found_->last_refusal = refusal.sentence();
    } catch (const std::exception& foreign) {
      found_->fault = std::string(foreign.what()).substr(0, 300) + " (" + case_.text() + ")";
    }
    return false;
  }

  const ComponentDescriptor& component_;
  Case case_;
  std::vector<const Port*> ports_;
  Found* found_ = nullptr;
  int tries_ = 0;
};

/// Sets of inputs to try: the required ones, those with one optional more, all.
std::vector<std::vector<const Port*>> connections(const ComponentDescriptor& component,
                                                  const Case& given) {
  std::vector<const Port*> required, optional;
  for (const Port& port : component.ports().all()) {
    const bool is_given =
        std::any_of(given.inputs.begin(), given.inputs.end(),
                    [&port](const Inputs::Edge& edge) { return edge.name == port.name; });
    if (port.direction != Port::Direction::in || is_given) continue;
    if (port.any && !given.inputs.empty()) continue;
    (port.optional ? optional : required).push_back(&port);
  }
  std::vector<std::vector<const Port*>> sets{required};
  for (const Port* port : optional) {
    sets.push_back(required);
    sets.back().push_back(port);
  }
  if (optional.size() > 1) {
    sets.push_back(required);
    sets.back().insert(sets.back().end(), optional.begin(), optional.end());
  }
  return sets;
}

/// Inputs of one item for all items of the others; of an object, inputs with an item for each of
/// what it is applied to.
void add_other_items(const ComponentDescriptor& component, Found& found) {
  if (found.cases.empty()) return;
  const std::vector<Case> plain = found.cases;
  for (const Case& known : plain) {
    const std::size_t tensors = known.tensors().size() - (known.argument ? 1 : 0);
    for (std::size_t which = is_object(component.kind) ? 0 : 1; which < tensors; ++which) {
      Case other = known;
      Inputs::Edge& edge = *other.tensors()[which];
      Spec spec = tensor_spec(edge);
      const std::int64_t items = is_object(component.kind) ? kItems : 1;
      if (spec.items == items) continue;
      spec.items = items;
      edge = with_spec(edge, spec);
      try {
        const Instance planned(component, other, /*only_planned=*/true);
        found.cases.push_back(other);
      } catch (const Error&) {
      }
    }
  }
}

/// Whether a component was planned with these settings.
bool add_cases(const ComponentDescriptor& component, const Case& given, bool all_connections,
               Found& found) {
  bool any = false;
  for (const auto& ports : connections(component, given)) {
    if (found.cases.size() >= kMostCases || (any && !all_connections)) break;
    if (auto taken = Search(component, given, ports).first(found)) {
      found.cases.push_back(std::move(*taken));
      any = true;
    }
  }
  return any;
}

}  // namespace

Found complete(const ComponentDescriptor& component, const Case& given) {
  Found found;
  add_cases(component, given, /*all_connections=*/false, found);
  return found;
}

Found find_cases(const ComponentDescriptor& component) {
  Found found;
  Case given;
  given.settings = plain_settings(component.fields());
  bool any = add_cases(component, given, /*all_connections=*/true, found);
  std::vector<Value> others = variations(component.fields(), given.settings);
  // What is optional taken alone may be needed: then whatever was taken first is the plainest.
  for (std::size_t i = 0; !any && i < others.size(); ++i) {
    Case other = given;
    other.settings = others[i];
    if (!(any = add_cases(component, other, /*all_connections=*/true, found))) continue;
    given = other;
    others = variations(component.fields(), given.settings);
  }
  add_other_items(component, found);
  if (!any) return found;
  for (const Value& settings : others) {
    Case other = given;
    other.settings = settings;
    add_cases(component, other, /*all_connections=*/false, found);
  }
  return found;
}

}  // namespace pellucid::conformance

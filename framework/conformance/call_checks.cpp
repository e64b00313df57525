// What every call must hold to, whatever is computed: promises, precision, strides, sizes, values.

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "conformance/check.h"

namespace pellucid::conformance {
namespace {

using Edge = Inputs::Edge;

/// How far float32 and float64 results may differ, relative to the largest.
constexpr double kPrecision = 1e-3;

bool is_floating(const Spec& spec) {
  return at::isFloatingType(spec.dtype) || at::isComplexType(spec.dtype);
}

at::ScalarType with_precision(at::ScalarType dtype, bool twice) {
  if (at::isComplexType(dtype)) return twice ? at::kComplexDouble : at::kComplexFloat;
  return twice ? at::kDouble : at::kFloat;
}

/// The case with all floating inputs in single or double precision, the same numbers.
Case in_precision(const Case& of, bool twice) {
  Case one = of;
  for (Edge* edge : one.tensors()) {
    Spec spec = tensor_spec(*edge);
    if (!is_floating(spec)) continue;
    spec.dtype = with_precision(spec.dtype, twice);
    // Numbers that float32 holds, so that both computations start from the same.
    edge->value = tensor_of(*edge).to(with_precision(spec.dtype, false)).to(spec.dtype);
    edge->spec = spec;
  }
  return one;
}

/// A tensor in double precision all of whose numbers were rounded to float32 on the way.
bool is_rounded(const Tensor& tensor) {
  const Tensor values = tensor.is_complex() ? at::view_as_real(tensor.resolve_conj()) : tensor;
  const Tensor finite = values.masked_select(values.isfinite());
  // A few distinct numbers may all be simple ones, such as levels or zeros.
  if (std::get<0>(at::_unique(finite)).numel() < 32) return false;
  return finite.to(at::kFloat).to(at::kDouble).equal(finite);
}

/// Inputs that float32 does not hold.
Case with_odd_digits(const Case& of) {
  Case one = of;
  for (Edge* edge : one.tensors())
    if (is_floating(tensor_spec(*edge)) && !is_mask(tensor_of(*edge)))
      edge->value = tensor_of(*edge) * (1 + 1.0 / 3000000019.0);
  return one;
}

Results tensors_of(Results results) {
  std::erase_if(results, [](const auto& one) { return std::holds_alternative<Table>(one.second); });
  return results;
}

Results rounded(const Results& results) {
  Results all = results;
  for (auto& [port, value] : all)
    if (auto* tensor = std::get_if<Tensor>(&value))
      if (tensor->scalar_type() == at::kDouble || tensor->scalar_type() == at::kComplexDouble)
        value = tensor->to(with_precision(tensor->scalar_type(), false));
  return all;
}

std::optional<Instance> planned_or_refused(const Tested& tested, const Case& one) {
  try {
    return Instance(*tested.component, one);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool is_spatial(char axis) { return std::string("hwzyx").find(axis) != std::string::npos; }

/// The case with other numbers of samples: `size_of` gives the new length of a spatial axis. Only
/// tensors as large as the first change, so that a kernel stays one.
std::optional<Case> resized(const Case& of,
                            const std::function<std::int64_t(std::int64_t)>& size_of) {
  Case one = of;
  const std::vector<Edge*> edges = one.tensors();
  if (edges.empty()) return std::nullopt;
  const Edge* first = one.argument ? &*one.argument : edges.front();
  const Spec whole = tensor_spec(*first);
  bool changed = false;
  for (Edge* edge : edges) {
    Spec spec = tensor_spec(*edge);
    for (std::size_t a = 0; a < spec.axes.size(); ++a) {
      const std::size_t at_whole = whole.axes.find(spec.axes[a]);
      const bool like_first =
          at_whole != std::string::npos && spec.shape[a] == whole.shape[at_whole];
      if (!is_spatial(spec.axes[a]) || !like_first) continue;
      const std::int64_t size = size_of(spec.shape[a]);
      changed = changed || size != spec.shape[a];
      spec.shape[a] = size;
    }
    *edge = with_spec(*edge, spec);
  }
  return changed ? std::optional(one) : std::nullopt;
}

Case without_items(const Case& of) {
  Case one = of;
  const std::int64_t items = of.items();
  for (Edge* edge : one.tensors()) {
    Spec spec = tensor_spec(*edge);
    if (spec.items == items) spec.items = 0;
    *edge = with_spec(*edge, spec);
  }
  return one;
}

/// Works as promised, or is refused while planning.
std::string fault_of_size(const Tested& tested, const Case& one, bool has_values) {
  std::optional<Instance> instance;
  try {
    instance.emplace(*tested.component, one);
  } catch (const Error& refusal) {
    return refusal.sentence().size() < 8 ? "was refused without a sentence" : "";
  } catch (const std::exception& error) {
    return "must be refused in words while planning, and ended in " + text_of(error);
  }
  try {
    const std::string bad = has_values ? nonfinite(instance->run()) : (instance->run(), "");
    return bad.empty() ? "" : "gave numbers that are not finite: " + bad;
  } catch (const std::exception& error) {
    return "was planned, and then ended in " + text_of(error);
  }
}

/// Item 1 of each tensor that has items, filled with a number, at one place or everywhere.
std::function<Tensor(const std::string&, const Tensor&, const Block&)> poisoned(double number,
                                                                                bool everywhere) {
  return [number, everywhere](const std::string&, const Tensor& part, const Block& block) {
    if (part.dim() == 0 || part.size(0) != block.count || block.count < 2) return part;
    if (!part.is_floating_point() && !part.is_complex()) return part;
    const Tensor filled = part.clone();
    if (everywhere || filled[1].numel() == 0) filled[1].fill_(number);
    else filled[1].view(-1)[filled[1].numel() / 2].fill_(number);
    return filled;
  };
}

/// The case with the numbers of item 1 in each table replaced; empty where it has no table.
std::optional<Case> with_poisoned_rows(const Case& of, double number) {
  std::optional<Case> poisoned;
  Case one = of;
  for (Edge& edge : one.inputs) {
    const auto* table = std::get_if<Table>(&edge.value);
    if (!table) continue;
    Table filled(table->columns());
    for (std::int64_t row = 0; row < table->rows(); ++row) {
      std::vector<Cell> cells;
      for (std::size_t c = 0; c < table->columns().size(); ++c) {
        cells.push_back(table->cell(row, static_cast<std::int64_t>(c)));
        if (table->item(row) == 1 && std::holds_alternative<double>(cells.back()))
          cells.back() = number;
      }
      filled.add(table->item(row), std::move(cells));
    }
    edge.value = std::move(filled);
    poisoned = one;
  }
  return poisoned;
}

/// The part of results that speaks of some items.
Results items_of(const Results& results, std::int64_t items,
                 const std::function<bool(std::int64_t item)>& wanted) {
  std::vector<std::int64_t> rows;
  for (std::int64_t item = 0; item < items; ++item)
    if (wanted(item)) rows.push_back(item);
  Results part;
  for (const auto& [port, value] : results) {
    if (const auto* tensor = std::get_if<Tensor>(&value)) {
      if (tensor->dim() == 0 || tensor->size(0) != items) continue;
      part[port] = tensor->index_select(0, at::tensor(rows, at::kLong));
      continue;
    }
    const Table& table = std::get<Table>(value);
    Table kept(table.columns());
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      if (!wanted(table.item(row))) continue;
      std::vector<Cell> cells;
      for (std::size_t c = 0; c < table.columns().size(); ++c)
        cells.push_back(table.cell(row, static_cast<std::int64_t>(c)));
      kept.add(table.item(row), std::move(cells));
    }
    part[port] = std::move(kept);
  }
  return part;
}

/// Whether any number shows that something went wrong; true where none could.
bool shows(const Results& results) {
  bool could = false;
  for (const auto& [port, value] : results) {
    if (const auto* tensor = std::get_if<Tensor>(&value)) {
      if (!tensor->is_floating_point() && !tensor->is_complex()) continue;
      could = could || tensor->numel() > 0;
      if (!tensor->isfinite().all().item<bool>()) return true;
      continue;
    }
    const Table& table = std::get<Table>(value);
    for (const Column& column : table.columns()) {
      if (column.type != Column::Type::real) continue;
      for (const double number : table.reals(column.name)) {
        could = true;
        if (!std::isfinite(number)) return true;
      }
    }
  }
  return !could;
}

}  // namespace

Verdict check_specs(const Tested& tested) {
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const Instance instance(*tested.component, one);
    instance.run();  // compares what comes with what was promised
    const auto* a = dynamic_cast<const Operator*>(instance.component().get());
    if (!a) return {};
    const Spec x = tensor_spec(*one.argument), y = a->range(x);
    std::optional<Spec> back;
    try {
      back = a->domain(y);
    } catch (const Error&) {
      return {};  // what it was applied to does not follow from the result
    }
    if (a->range(*back) != y)
      return failed("domain(y) must be something that A maps to y = " + y.text() + ", got " +
                    back->text() + ", which it maps to " + a->range(*back).text());
    return {};
  });
}

Verdict check_dtype(const Tested& tested) {
  if (tested.component->kind == Kind::source) return not_applicable("a source has no inputs");
  if (tested.component->kind == Kind::sink) return not_applicable("a sink has no outputs");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const auto single = planned_or_refused(tested, in_precision(one, false));
    const auto twice = planned_or_refused(tested, in_precision(one, true));
    if (!single || !twice)
      return single || twice ? not_applicable("it takes one precision only and refuses the other")
                             : not_applicable("it takes no floating numbers");
    for (const auto& [instance, wanted] : {std::pair(&*single, at::kFloat), {&*twice, at::kDouble}})
      for (const auto& [port, promise] : instance->promised()) {
        const auto* spec = std::get_if<Spec>(&promise);
        if (!spec || !is_floating(*spec)) continue;
        const bool sum = tested.component->kind == Kind::functional && port == "value";
        if (c10::toRealValueType(spec->dtype) != wanted && !sum &&
            tested.component->kind != Kind::reducer)
          return failed("'" + port + "' must be " + dtype_name(wanted) +
                        " as its inputs are, got " + dtype_name(spec->dtype));
      }
    // Rows of tables may count the steps of an iteration, which precision changes.
    const Results low = tensors_of(single->run()), high = tensors_of(twice->run());
    const std::string said = difference(low, rounded(high), kPrecision);
    if (!said.empty()) return failed("float32 and float64 disagree: " + said);
    const Instance digits(*tested.component, with_odd_digits(in_precision(one, true)));
    for (const auto& [port, value] : digits.run())
      if (const auto* tensor = std::get_if<Tensor>(&value);
          tensor && c10::toRealValueType(tensor->scalar_type()) == at::kDouble &&
          is_rounded(*tensor))
        return failed("'" + port + "' is float64 and all its numbers were rounded to float32");
    return {};
  });
}

Verdict check_device(const Tested& tested) {
  if (!at::hasCUDA()) return not_applicable("there is no accelerator on this machine");
  if (!is_object(tested.component->kind) && tested.component->kind != Kind::stage)
    return not_applicable("it does not compute on a device");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const Instance instance(*tested.component, one);
    const Results expected = instance.run();
    Manner manner;
    manner.disguise = [](const std::string&, const Tensor& part, const Block&) {
      return part.to(at::kCUDA);
    };
    Results back = instance.run(manner);
    for (auto& [port, value] : back)
      if (auto* tensor = std::get_if<Tensor>(&value)) {
        if (!tensor->is_cuda()) return failed("'" + port + "' must be on the device of its inputs");
        value = tensor->cpu();
      }
    const std::string said = difference(expected, back, kPrecision);
    return said.empty() ? Verdict{} : failed("on the device " + said);
  });
}

Verdict check_strides(const Tested& tested) {
  if (tested.component->kind == Kind::source) return not_applicable("a source has no inputs");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    if (one.tensors().empty()) return not_applicable("it has no tensors as inputs");
    const Instance instance(*tested.component, one);
    const Results expected = instance.run();
    const auto tolerance = instance.component()->tolerance();
    Manner manner;
    manner.disguise = [](const std::string&, const Tensor& part, const Block&) {
      return part.dim() < 2 ? part : part.transpose(-1, -2).contiguous().transpose(-1, -2);
    };
    std::string said = difference(expected, instance.run(manner), tolerance);
    if (!said.empty()) return failed("with the last two axes transposed in memory " + said);
    manner.disguise = [](const std::string&, const Tensor& part, const Block&) {
      return at::stack({part, part + 1}, -1).select(-1, 0);
    };
    said = difference(expected, instance.run(manner), tolerance);
    if (!said.empty()) return failed("with a gap between samples " + said);
    return {};
  });
}

Verdict check_inputs(const Tested& tested) {
  if (tested.component->kind == Kind::source) return not_applicable("a source has no inputs");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    if (one.tensors().empty()) return not_applicable("it has no tensors as inputs");
    Manner manner;
    manner.guard = true;
    const Instance instance(*tested.component, one);
    instance.run(manner);
    manner.block = 1;
    instance.run(manner);
    return {};
  });
}

Verdict check_sizes(const Tested& tested) {
  if (tested.component->kind == Kind::source) return not_applicable("a source has no inputs");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    if (one.tensors().empty()) return not_applicable("it has no tensors as inputs");
    const std::vector<std::pair<std::string, std::function<std::int64_t(std::int64_t)>>> ways{
        {"odd sizes", [](std::int64_t size) { return size - 1 + size % 2; }},
        {"single pixels", [](std::int64_t) { return 1; }},
        {"two pixels", [](std::int64_t) { return 2; }},
        {"no pixels", [](std::int64_t) { return 0; }},
    };
    for (const auto& [name, size_of] : ways) {
      const std::optional<Case> other = resized(one, size_of);
      if (!other) continue;
      const std::string said = fault_of_size(tested, *other, /*has_values=*/true);
      if (!said.empty()) return failed(name + " (" + other->text() + "): the case " + said);
    }
    const Case none = without_items(one);
    const std::string said = fault_of_size(tested, none, /*has_values=*/false);
    if (!said.empty()) return failed("no items: the case " + said);
    return {};
  });
}

Verdict check_nonfinite(const Tested& tested) {
  if (tested.component->kind == Kind::source) return not_applicable("a source has no inputs");
  if (tested.component->kind == Kind::sink) return not_applicable("a sink has no outputs");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const std::int64_t items = one.items();
    if (items < 3) return not_applicable("it has no items of its own");
    const Instance instance(*tested.component, one);
    const bool apart = instance.is_cut_into_blocks() && tested.component->kind != Kind::reducer;
    const Results clean = instance.run();
    const double infinity = std::numeric_limits<double>::infinity();
    for (const auto& [number, name] : {std::pair(std::nan(""), "NaN"), {infinity, "Inf"}})
      for (const bool everywhere : {false, true}) {
        std::atomic<bool> warned = false;
        Manner manner;
        manner.disguise = poisoned(number, everywhere);
        manner.warned = &warned;
        Results found;
        try {
          const auto rows = with_poisoned_rows(one, number);
          found = (rows ? Instance(*tested.component, *rows) : instance).run(manner);
        } catch (const Error&) {
          continue;  // refused in words
        }
        if (apart) {
          const auto other = [](std::int64_t item) { return item != 1; };
          const std::string said =
              difference(items_of(clean, items, other), items_of(found, items, other),
                         instance.component()->tolerance());
          if (!said.empty())
            return failed(std::string(name) + " in item 1 changes others: " + said);
          found = items_of(found, items, [](std::int64_t item) { return item == 1; });
        }
        if (std::isnan(number) && everywhere && !warned && !shows(found))
          return failed("an item that is all NaN must give NaN, a warning or an error, and gave " +
                        std::string("finite numbers"));
      }
    return {};
  });
}

}  // namespace pellucid::conformance

// wire: how what crosses a process border is written as plain data. Tensors and objects stand beside
// it, by number.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <pellucid/plugin.h>

#include "isolation/call_site.h"

namespace pellucid {

/// Plain data of a message. Sent as CBOR, which keeps every number to the bit and every text whatever its bytes.
using Words = nlohmann::json;

Words wire_of(const SourceLocation& where);
SourceLocation location_from(const Words& json);
Words wire_of(const Value& value);
Value value_from(const Words& json);
Words wire_of(const Field& field);
Field field_from(const Words& json);
Words wire_of(const Problem& problem);
Problem problem_from(const Words& json);
Words wire_of(const Spec& spec);
Spec spec_from(const Words& json);
Words wire_of(const TableSpec& spec);
TableSpec table_spec_from(const Words& json);
Words wire_of(const Table& table);
Table table_from(const Words& json);
Words wire_of(const Block& block);
Block block_from(const Words& json);

/// Throws Error for an object: only blocks and tables cross a process border.
Words wire_of(const Specs& specs);
Specs specs_from(const Words& json);

/// Tensors are added to `tensors`. Throws Error for an object.
Words wire_of(const Outputs& outputs, std::vector<Tensor>& tensors);
Outputs outputs_from(const Words& json, const std::vector<Tensor>& tensors);

/// `object` gives the number of an object, and the object of a number. `items` is the item of each
/// row; empty: they follow each other.
using NumberOfObject = std::function<std::int64_t(const Inputs::Edge&)>;
using ObjectOfNumber = std::function<std::shared_ptr<const Component>(std::int64_t)>;
Words wire_of(const Inputs& in, const std::vector<std::int64_t>& items,
              std::vector<Tensor>& tensors, const NumberOfObject& number);
Inputs inputs_from(const Words& json, const std::vector<Tensor>& tensors,
                   const ObjectOfNumber& object);

Words wire_of(const CallFacts& facts);
CallFacts facts_from(const Words& json);

/// What was thrown, of which type, and where; thrown again it is of the same type.
Words wire_of(const std::exception& error);
[[noreturn]] void throw_from(const Words& json);

}  // namespace pellucid

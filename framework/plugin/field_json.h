// field_json: values and fields of a schema as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <pellucid/schema.h>

namespace pellucid {

/// A value as a field of this type holds it: numbers and truth values where the field has them.
nlohmann::ordered_json json_of(const Value& value, const Field& field);

/// All that a field declares.
nlohmann::ordered_json json_of(const Field& field);

/// The default in one line: "0.001", "{gaussian: {std: 3}}"; empty where there is none.
std::string default_text(const Field& field);

}  // namespace pellucid

// stamp: whether a plugin was built for this Pellucid, told from its file before it is opened.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pellucid {

/// Of this library: "pellucid-plugin:abi=1;sdk=...;...;".
std::string_view host_stamp();

/// The stamp that stands somewhere in the bytes of a plugin's file; empty where none does.
std::optional<std::string> find_stamp(std::string_view bytes);

/// Why a plugin with this stamp cannot be used, as the end of a sentence that begins with the
/// plugin's name: which side to rebuild, then a line for each field that differs. Empty where all
/// agree.
std::string stamp_fault(std::string_view host, std::string_view plugin);

}  // namespace pellucid

// templates: the files of a new plugin, as text; CMake makes them from framework/templates.
#pragma once

#include <map>
#include <string>

namespace pellucid {

/// By name: "CMakeLists.txt", "README.md", "KIND.cpp" and "KIND_test.cpp" for each kind.
/// `{{name}}` stands for the plugin's name, `{{Class}}` for that of its class, `{{kind}}` for the
/// kind.
const std::map<std::string, std::string>& plugin_templates();

}  // namespace pellucid

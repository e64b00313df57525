// case_file: what the kit cannot guess about a plugin, from a small YAML file beside it.
//
//   save:                                  # a component
//     cases:
//       - with: {to: a.h5}                 # settings, as in a pipeline
//         in:                              # inputs; what is left out is found
//           image: {axes: chw, shape: [3, 16, 16], items: 4, dtype: float32, unit: "1"}
//           scores: {columns: {psnr: dB}, rows: 1, items: 4}
//           A: {use: operators/convolution, with: {kernel: delta}}
//         on: {axes: hw, shape: [16, 16]}  # what an object is applied to
//     except: {memory: "why this check does not apply"}
//   camera:
//     skip: why it cannot be tried at all
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "conformance/case.h"
#include "plugin/registry.h"

namespace pellucid::conformance {

/// What a file says of one component.
struct Advice {
  std::vector<Case> cases;
  std::map<std::string, std::string> except;  ///< check -> why it does not apply
  std::string skip;                           ///< why the component is not tried; empty: it is
};

/// By component. Throws ConfigError with the place of what is wrong; a file may only speak of
/// components that the plugin has.
std::map<std::string, Advice> read_case_file(const std::filesystem::path& file,
                                             const PluginDescriptor& plugin,
                                             const Registry& registry);

}  // namespace pellucid::conformance

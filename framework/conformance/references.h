// references: the kit's own operators, priors and models, for components that need one as an input.
#pragma once

#include <memory>
#include <vector>

#include <pellucid/component.h>
#include <pellucid/ports.h>

namespace pellucid::conformance {

/// Objects that may stand at a port of this type, prepared, the plainest first.
std::vector<std::shared_ptr<const Component>> references(PortType type);

}  // namespace pellucid::conformance

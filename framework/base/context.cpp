// Context: noticing that a run is to stop.
#include <pellucid/context.h>

namespace pellucid {

Cancelled::Cancelled() = default;
Cancelled::Cancelled(const Cancelled&) = default;
Cancelled::~Cancelled() = default;
const char* Cancelled::what() const noexcept { return "the run is to stop"; }

Context::~Context() = default;

void Context::stop_if_cancelled() const {
  if (cancelled()) throw Cancelled();
}

}  // namespace pellucid

// Component: what every kind of component does unless it says otherwise.
#include <pellucid/component.h>

namespace pellucid {

Component::Component() = default;
Component::~Component() = default;
void Component::prepare(const Inputs&, Context&) {}
double Component::tolerance() const { return 1e-5; }

std::int64_t Worker::working_bytes(const Inputs&) const { return 0; }

std::optional<std::vector<std::int64_t>> Stage::halo(const Inputs&) const { return std::nullopt; }

Reducer::~Reducer() = default;
Procedure::~Procedure() = default;
States::~States() = default;

std::int64_t Sink::check(const Inputs&) const { return 0; }
std::vector<Tensor> Sink::stored(const Block&) const { return {}; }
bool Sink::takes_regions() const { return false; }

bool Sink::incremental() const { return true; }
std::vector<std::string> Sink::files() const { return {}; }

void Object::bind(const Inputs&) {}
std::int64_t Object::resident_bytes() const { return 0; }

}  // namespace pellucid

#include "base/hash.h"

#include <cinttypes>
#include <cstdio>

#include <xxhash.h>

namespace pellucid {
namespace {

constexpr char kText = 't';
constexpr char kNumber = 'n';

}  // namespace

// XXH3 wants its state aligned to 64 bytes, which `new` of an over-aligned type does.
struct Hash::State {
  XXH3_state_t xxh;
};

Hash::Hash() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->xxh); }
Hash::~Hash() = default;

Hash& Hash::add(std::string_view text) {
  const std::uint64_t size = text.size();
  XXH3_128bits_update(&state_->xxh, &kText, 1);
  XXH3_128bits_update(&state_->xxh, &size, sizeof size);
  XXH3_128bits_update(&state_->xxh, text.data(), text.size());
  return *this;
}

Hash& Hash::add(std::int64_t number) {
  XXH3_128bits_update(&state_->xxh, &kNumber, 1);
  XXH3_128bits_update(&state_->xxh, &number, sizeof number);
  return *this;
}

std::string Hash::hex() const {
  const XXH128_hash_t value = XXH3_128bits_digest(&state_->xxh);
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016" PRIx64 "%016" PRIx64, value.high64, value.low64);
  return digits;
}

}  // namespace pellucid

// Hash: what identifies a thing by all that it depends on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pellucid {

/// XXH3, 128 bits, of a sequence of parts. Each part is hashed with its length and kind, so that two
/// sequences have the same hash only if they are the same (up to collisions).
class Hash {
 public:
  Hash();
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  ~Hash();

  Hash& add(std::string_view text);
  Hash& add(const char* text) { return add(std::string_view(text)); }
  Hash& add(std::int64_t number);
  /// 32 hexadecimal digits.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pellucid

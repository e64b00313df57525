// Checksums of tensors, keys of blocks, and the search for values that are not finite: all at the
// speed of memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace pellucid {

/// XXH3, 64 bits, of bytes as they stand.
std::uint64_t checksum(const void* bytes, std::int64_t count);
/// Of the elements in row-major order, whatever the strides.
std::uint64_t checksum(const at::Tensor& tensor);
/// 16 hexadecimal digits.
std::string checksum_text(std::uint64_t checksum);

/// A checksum of bytes that come in pieces.
class Checksum {
 public:
  Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;
  ~Checksum();

  void add(const void* bytes, std::int64_t count);
  void add(const at::Tensor& tensor);
  std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Position, in row-major order, of the first element that is infinite or not a number; -1 where
/// all are finite. Integers always are.
std::int64_t first_nonfinite(const at::Tensor& tensor);

struct Inspection {
  std::uint64_t checksum = 0;
  std::int64_t first_nonfinite = -1;
};

/// Both of the above, reading memory once.
Inspection inspect(const at::Tensor& tensor);

/// What identifies the contents of a block before they are computed: 128 bits.
struct Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  std::string text() const;  ///< 32 hexadecimal digits
  static std::optional<Key> parse(std::string_view text);
  bool operator==(const Key&) const = default;
};

/// Hashes named parts; two lists of parts have the same key only if they are the same list (up to
/// collisions of a 128-bit hash).
class KeyBuilder {
 public:
  KeyBuilder();
  KeyBuilder(const KeyBuilder& other);
  KeyBuilder& operator=(const KeyBuilder& other);
  KeyBuilder(KeyBuilder&&) noexcept;
  KeyBuilder& operator=(KeyBuilder&&) noexcept;
  ~KeyBuilder();

  KeyBuilder& add(std::string_view text);
  KeyBuilder& add(const char* text) { return add(std::string_view(text)); }
  KeyBuilder& add(std::int64_t number);
  KeyBuilder& add(int number) { return add(static_cast<std::int64_t>(number)); }
  KeyBuilder& add(double number);
  KeyBuilder& add(const Key& key);
  KeyBuilder& add(at::IntArrayRef numbers);
  Key key() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pellucid

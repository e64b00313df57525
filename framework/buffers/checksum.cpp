#include "buffers/checksum.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <type_traits>
#include <vector>

namespace pellucid {
namespace {

/// Bytes that stay in the first-level cache between two looks at them.
constexpr std::int64_t kPiece = 16 * 1024;

/// An element of `Bits` whose bits under the mask are all ones is infinite or not a number.
template <class Bits>
[[gnu::always_inline]] inline bool any_masked_ones(const Bits* bits, std::int64_t count,
                                                   Bits mask) {
  // Comparisons as masks in the elements' own width: that is what vector units have.
  using Signed = std::make_signed_t<Bits>;
  Signed found = 0;
  for (std::int64_t i = 0; i < count; ++i)
    found |= static_cast<Signed>(-static_cast<Signed>((bits[i] & mask) == mask));
  return found != 0;
}

template <class Bits>
bool any_masked_ones_plain(const Bits* bits, std::int64_t count, Bits mask) {
  return any_masked_ones(bits, count, mask);
}

#if defined(__x86_64__)
template <class Bits>
[[gnu::target("avx2")]] bool any_masked_ones_avx2(const Bits* bits, std::int64_t count, Bits mask) {
  return any_masked_ones(bits, count, mask);
}
#endif

/// Chosen by asking the processor; an ifunc would run before a sanitizer's start-up.
template <class Bits>
auto* const any_masked_ones_here =
#if defined(__x86_64__)
    __builtin_cpu_supports("avx2") ? &any_masked_ones_avx2<Bits> :
#endif
                                   &any_masked_ones_plain<Bits>;

template <class Bits>
std::int64_t first_masked_ones(const void* bytes, std::int64_t byte_count, Bits mask) {
  const auto* bits = static_cast<const Bits*>(bytes);
  const std::int64_t count = byte_count / static_cast<std::int64_t>(sizeof(Bits));
  constexpr std::int64_t piece = 4096 / sizeof(Bits);
  for (std::int64_t start = 0; start < count; start += piece) {
    const std::int64_t here = std::min(piece, count - start);
    if (!any_masked_ones_here<Bits>(bits + start, here, mask)) continue;
    for (std::int64_t i = start; i < start + here; ++i)
      if ((bits[i] & mask) == mask) return i;
  }
  return -1;
}

/// Finds the first element that is not finite among contiguous bytes; -1 for none.
using Search = std::int64_t (*)(const void* bytes, std::int64_t byte_count);

Search search_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kHalf:
      return [](const void* bytes, std::int64_t count) {
        return first_masked_ones<std::uint16_t>(bytes, count, 0x7c00);
      };
    case at::kBFloat16:
      return [](const void* bytes, std::int64_t count) {
        return first_masked_ones<std::uint16_t>(bytes, count, 0x7f80);
      };
    case at::kFloat:
      return [](const void* bytes, std::int64_t count) {
        return first_masked_ones<std::uint32_t>(bytes, count, 0x7f800000u);
      };
    case at::kDouble:
      return [](const void* bytes, std::int64_t count) {
        return first_masked_ones<std::uint64_t>(bytes, count, 0x7ff0000000000000u);
      };
    case at::kComplexFloat:
      return [](const void* bytes, std::int64_t count) {
        const std::int64_t part = first_masked_ones<std::uint32_t>(bytes, count, 0x7f800000u);
        return part < 0 ? part : part / 2;
      };
    case at::kComplexDouble:
      return [](const void* bytes, std::int64_t count) {
        const std::int64_t part =
            first_masked_ones<std::uint64_t>(bytes, count, 0x7ff0000000000000u);
        return part < 0 ? part : part / 2;
      };
    default:
      return [](const void*, std::int64_t) { return std::int64_t{-1}; };
  }
}

/// Visits the bytes of a tensor in row-major order: whole where it is contiguous, else row by row
/// (gathered where even a row is not contiguous).
void for_each_piece(const at::Tensor& tensor,
                    const std::function<void(const char*, std::int64_t)>& visit) {
  const auto element = static_cast<std::int64_t>(tensor.element_size());
  const auto* data = static_cast<const char*>(tensor.const_data_ptr());
  if (tensor.is_contiguous()) return visit(data, tensor.numel() * element);

  const auto shape = tensor.sizes();
  const auto stride = tensor.strides();
  std::int64_t axes = tensor.dim();
  std::int64_t inner = 1;
  while (axes > 0 && (stride[axes - 1] == inner || shape[axes - 1] == 1)) inner *= shape[--axes];
  const bool gather = axes == tensor.dim();
  if (gather) --axes;
  const std::int64_t row = gather ? shape[axes] : inner;
  std::vector<char> gathered(gather ? static_cast<std::size_t>(row * element) : 0);
  std::vector<std::int64_t> index(static_cast<std::size_t>(axes), 0);
  const std::int64_t rows = tensor.numel() / std::max<std::int64_t>(row, 1);
  for (std::int64_t r = 0; r < rows; ++r) {
    const char* from = data;
    for (std::int64_t axis = 0; axis < axes; ++axis)
      from += index[static_cast<std::size_t>(axis)] * stride[axis] * element;
    if (gather) {
      for (std::int64_t i = 0; i < row; ++i)
        std::copy_n(from + i * stride[axes] * element, element, gathered.data() + i * element);
      from = gathered.data();
    }
    visit(from, row * element);
    for (std::int64_t axis = axes; axis-- > 0;) {
      auto& at_axis = index[static_cast<std::size_t>(axis)];
      if (++at_axis < shape[axis]) break;
      at_axis = 0;
    }
  }
}

std::string hexadecimal(std::uint64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::optional<std::uint64_t> from_hexadecimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

}  // namespace

struct Checksum::State {
  XXH3_state_t hash;
};

Checksum::Checksum() : state_(new State) { XXH3_64bits_reset(&state_->hash); }
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;
Checksum::~Checksum() = default;

void Checksum::add(const void* bytes, std::int64_t count) {
  XXH3_64bits_update(&state_->hash, bytes, static_cast<std::size_t>(count));
}

void Checksum::add(const at::Tensor& tensor) {
  for_each_piece(tensor, [&](const char* bytes, std::int64_t count) { add(bytes, count); });
}

std::uint64_t Checksum::value() const { return XXH3_64bits_digest(&state_->hash); }

std::uint64_t checksum(const void* bytes, std::int64_t count) {
  return XXH3_64bits(bytes, static_cast<std::size_t>(count));
}

std::uint64_t checksum(const at::Tensor& tensor) {
  if (tensor.is_contiguous())
    return checksum(tensor.const_data_ptr(),
                    tensor.numel() * static_cast<std::int64_t>(tensor.element_size()));
  Checksum sum;
  sum.add(tensor);
  return sum.value();
}

std::string checksum_text(std::uint64_t checksum) { return hexadecimal(checksum); }

std::int64_t first_nonfinite(const at::Tensor& tensor) {
  const auto search = search_of(tensor.scalar_type());
  const auto element = static_cast<std::int64_t>(tensor.element_size());
  std::int64_t before = 0;
  std::int64_t found = -1;
  for_each_piece(tensor, [&](const char* bytes, std::int64_t count) {
    if (found >= 0) return;
    const std::int64_t here = search(bytes, count);
    if (here >= 0) found = before + here;
    before += count / element;
  });
  return found;
}

Inspection inspect(const at::Tensor& tensor) {
  const auto search = search_of(tensor.scalar_type());
  const auto element = static_cast<std::int64_t>(tensor.element_size());
  Checksum sum;
  Inspection inspection;
  std::int64_t before = 0;
  for_each_piece(tensor, [&](const char* bytes, std::int64_t count) {
    for (std::int64_t start = 0; start < count; start += kPiece) {
      const std::int64_t piece = std::min(kPiece, count - start);
      sum.add(bytes + start, piece);
      const std::int64_t here = inspection.first_nonfinite < 0 ? search(bytes + start, piece) : -1;
      if (here >= 0) inspection.first_nonfinite = before + here;
      before += piece / element;
    }
  });
  inspection.checksum = sum.value();
  return inspection;
}

std::string Key::text() const { return hexadecimal(high) + hexadecimal(low); }

std::optional<Key> Key::parse(std::string_view text) {
  if (text.size() != 32) return {};
  const auto high = from_hexadecimal(text.substr(0, 16));
  const auto low = from_hexadecimal(text.substr(16));
  if (!high || !low) return {};
  return Key{*high, *low};
}

struct KeyBuilder::State {
  XXH3_state_t hash;

  /// A tag and a length before the bytes keep neighbouring parts apart.
  void add(char tag, const void* bytes, std::size_t count) {
    const std::uint64_t length = count;
    XXH3_128bits_update(&hash, &tag, 1);
    XXH3_128bits_update(&hash, &length, sizeof length);
    XXH3_128bits_update(&hash, bytes, count);
  }
};

KeyBuilder::KeyBuilder() : state_(new State) { XXH3_128bits_reset(&state_->hash); }
KeyBuilder::KeyBuilder(const KeyBuilder& other) : state_(new State) {
  XXH3_copyState(&state_->hash, &other.state_->hash);
}
KeyBuilder& KeyBuilder::operator=(const KeyBuilder& other) {
  XXH3_copyState(&state_->hash, &other.state_->hash);
  return *this;
}
KeyBuilder::KeyBuilder(KeyBuilder&&) noexcept = default;
KeyBuilder& KeyBuilder::operator=(KeyBuilder&&) noexcept = default;
KeyBuilder::~KeyBuilder() = default;

KeyBuilder& KeyBuilder::add(std::string_view text) {
  state_->add('t', text.data(), text.size());
  return *this;
}

KeyBuilder& KeyBuilder::add(std::int64_t number) {
  state_->add('i', &number, sizeof number);
  return *this;
}

KeyBuilder& KeyBuilder::add(double number) {
  state_->add('r', &number, sizeof number);
  return *this;
}

KeyBuilder& KeyBuilder::add(const Key& key) {
  const std::array<std::uint64_t, 2> words{key.high, key.low};
  state_->add('k', words.data(), sizeof words);
  return *this;
}

KeyBuilder& KeyBuilder::add(at::IntArrayRef numbers) {
  state_->add('l', numbers.data(), numbers.size() * sizeof(std::int64_t));
  return *this;
}

Key KeyBuilder::key() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->hash);
  return {hash.high64, hash.low64};
}

}  // namespace pellucid

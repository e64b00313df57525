#include "base/bytes.h"

#include <array>
#include <cstdio>

namespace pellucid {

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array<const char*, 7> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.5 would be printed as 1000.
  while (number >= 999.5 && unit + 1 < kUnits.size()) {
    number /= 1024;
    ++unit;
  }
  char text[32];
  const int digits = unit == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  std::string trimmed = text;
  if (digits > 0) {
    trimmed.erase(trimmed.find_last_not_of('0') + 1);
    if (trimmed.back() == '.') trimmed.pop_back();
  }
  return trimmed + " " + kUnits[unit];
}

}  // namespace pellucid

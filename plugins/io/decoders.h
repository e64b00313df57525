// decoders: what picture.cpp chooses from, one for each format.
#pragma once

#include "picture.h"

namespace pellucid {

/// A format's functions; both throw Error without the file's name.
struct Decoder {
  PictureHeader (*read_header)(const std::filesystem::path& file);
  void (*read)(const std::filesystem::path& file, const PictureHeader& header, std::int64_t page,
               void* planes);
};

extern const Decoder kPng;
extern const Decoder kJpeg;
extern const Decoder kTiff;

/// A reader calls this with the header that it finds, before it fills planes that were made for the
/// planned one. Throws Error where the file has been replaced by one of another kind or size.
void require_planned(const PictureHeader& planned, const PictureHeader& found);

/// Puts one row of interleaved samples into its planes. `stored`: samples a pixel in the row, of
/// which the first `header.channels` count; `divisor`: the value that becomes 1.
template <class Real, class Sample>
void spread_row(const Sample* row, std::int64_t stored, double divisor, std::int64_t y,
                const PictureHeader& header, Real* planes) {
  for (std::int64_t c = 0; c < header.channels; ++c) {
    Real* to = planes + (c * header.height + y) * header.width;
    for (std::int64_t x = 0; x < header.width; ++x)
      to[x] = static_cast<Real>(row[x * stored + c]) / static_cast<Real>(divisor);
  }
}

}  // namespace pellucid

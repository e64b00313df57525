// TIFF and BigTIFF by libtiff: whole numbers of 8 or 16 bits, floats of 32 or 64, strips or tiles,
// interleaved or in planes, any number of pages of one size.

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <vector>

#include <pellucid/error.h>

#include "decoders.h"

namespace pellucid {
namespace {

/// What one page says of its samples.
struct Layout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT;
  std::uint16_t photometric = PHOTOMETRIC_MINISBLACK, planar = PLANARCONFIG_CONTIG;
  std::uint16_t transparent = 0;  // samples a pixel that are not colours

  bool operator==(const Layout&) const = default;
  bool whole_numbers() const { return format == SAMPLEFORMAT_UINT; }
};

class TiffFile {
 public:
  TiffFile(const std::filesystem::path& path, const char* mode) {
    TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, this);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, this);
    tiff_ = TIFFOpenExt(path.c_str(), mode, options);
    TIFFOpenOptionsFree(options);
    if (!tiff_) fail();
  }
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;
  ~TiffFile() {
    if (tiff_) TIFFClose(tiff_);
  }

  TIFF* get() const { return tiff_; }
  void check(bool succeeded) const {
    if (!succeeded) fail();
  }
  /// Errors that libtiff reports while it closes a file count, too.
  void close() {
    TIFFClose(tiff_);
    tiff_ = nullptr;
    if (!message_.empty()) fail();
  }
  [[noreturn]] void fail() const {
    throw Error("the TIFF data are damaged or incomplete (" + message_ + ")");
  }

  Layout layout() const {
    Layout l;
    check(TIFFGetField(tiff_, TIFFTAG_IMAGEWIDTH, &l.width) == 1 &&
          TIFFGetField(tiff_, TIFFTAG_IMAGELENGTH, &l.height) == 1);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_BITSPERSAMPLE, &l.bits);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_SAMPLESPERPIXEL, &l.samples);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_SAMPLEFORMAT, &l.format);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_PLANARCONFIG, &l.planar);
    TIFFGetField(tiff_, TIFFTAG_PHOTOMETRIC, &l.photometric);
    std::uint16_t extra = 0;
    const std::uint16_t* kinds = nullptr;
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    l.transparent = static_cast<std::uint16_t>(std::count_if(
        kinds, kinds + extra, [](auto kind) { return kind != EXTRASAMPLE_UNSPECIFIED; }));
    return l;
  }

 private:
  static int on_error(TIFF*, void* self, const char*, const char* format, va_list arguments) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    auto& message = static_cast<TiffFile*>(self)->message_;
    if (message.empty()) message = text;
    return 1;
  }
  static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

  TIFF* tiff_ = nullptr;
  std::string message_;
};

void require_readable(const Layout& l) {
  const bool known = (l.format == SAMPLEFORMAT_UINT && (l.bits == 8 || l.bits == 16)) ||
                     (l.format == SAMPLEFORMAT_IEEEFP && (l.bits == 32 || l.bits == 64));
  if (!known)
    throw Error("TIFF samples must be whole numbers of 8 or 16 bits or floats of 32 or 64, got " +
                std::to_string(l.bits) + " bits" +
                (l.format == SAMPLEFORMAT_INT ? " with sign" : ""));
  const bool colours = l.photometric == PHOTOMETRIC_MINISBLACK ||
                       l.photometric == PHOTOMETRIC_MINISWHITE ||
                       l.photometric == PHOTOMETRIC_RGB || l.photometric == PHOTOMETRIC_YCBCR;
  if (!colours) throw Error("TIFF files must be grey or RGB; convert this one to RGB");
  if (l.transparent >= l.samples) throw Error("the TIFF file has no colour besides transparency");
}

/// YCbCr that is compressed as JPEG comes out as RGB.
void ask_for_rgb(const TiffFile& file, const Layout& l) {
  if (l.photometric != PHOTOMETRIC_YCBCR) return;
  std::uint16_t compression = 0;
  TIFFGetField(file.get(), TIFFTAG_COMPRESSION, &compression);
  if (compression != COMPRESSION_JPEG)
    throw Error("TIFF files must be grey or RGB; convert this one to RGB");
  TIFFSetField(file.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
}

PictureHeader header_of(const Layout& page) {
  PictureHeader header;
  header.channels = page.samples - page.transparent;
  header.height = page.height;
  header.width = page.width;
  header.whole_numbers = page.whole_numbers();
  header.wide = page.bits == 64;
  return header;
}

PictureHeader read_header(const std::filesystem::path& path) {
  TiffFile file(path, "r");
  const Layout first = file.layout();
  require_readable(first);
  PictureHeader header = header_of(first);
  header.working_bytes = TIFFIsTiled(file.get()) ? TIFFTileSize64(file.get())
                                                 : std::int64_t(TIFFScanlineSize64(file.get())) +
                                                       2 * TIFFStripSize64(file.get());
  while (TIFFReadDirectory(file.get())) {
    ++header.pages;
    if (file.layout() != first)
      throw Error("the pages of a TIFF file must be alike, but page " +
                  std::to_string(header.pages) + " differs from the first in size or samples");
  }
  return header;
}

/// Puts a rectangle of samples into its place in the planes. `first`: channel of the first sample;
/// `stored`: samples a pixel in the rectangle.
template <class Real, class Sample>
class Placement {
 public:
  Placement(const Layout& layout, const PictureHeader& header, void* planes)
      : header_(header),
        planes_(static_cast<Real*>(planes)),
        divisor_(layout.whole_numbers() ? Real((std::uint64_t{1} << layout.bits) - 1) : Real(1)),
        inverted_(layout.whole_numbers() && layout.photometric == PHOTOMETRIC_MINISWHITE) {}

  void row(const void* samples, std::int64_t first, std::int64_t stored, std::int64_t y,
           std::int64_t x, std::int64_t count) const {
    const auto* from = static_cast<const Sample*>(samples);
    for (std::int64_t c = first; c < std::min(first + stored, header_.channels); ++c) {
      Real* to = planes_ + (c * header_.height + y) * header_.width + x;
      for (std::int64_t i = 0; i < count; ++i) {
        const Real value = static_cast<Real>(from[i * stored + c - first]) / divisor_;
        to[i] = inverted_ ? 1 - value : value;
      }
    }
  }

 private:
  const PictureHeader& header_;
  Real* planes_;
  Real divisor_;
  bool inverted_;
};

template <class Real, class Sample>
void read_samples(const TiffFile& file, const Layout& l, const PictureHeader& header,
                  void* planes) {
  TIFF* tiff = file.get();
  const Placement<Real, Sample> placement(l, header, planes);
  const bool interleaved = l.planar == PLANARCONFIG_CONTIG;
  const std::int64_t stored = interleaved ? l.samples : 1;
  const std::int64_t parts = interleaved ? 1 : header.channels;
  if (!TIFFIsTiled(tiff)) {
    std::vector<std::uint8_t> line(static_cast<std::size_t>(TIFFScanlineSize64(tiff)));
    for (std::int64_t part = 0; part < parts; ++part)
      for (std::uint32_t y = 0; y < l.height; ++y) {
        file.check(TIFFReadScanline(tiff, line.data(), y, static_cast<std::uint16_t>(part)) == 1);
        placement.row(line.data(), part, stored, y, 0, l.width);
      }
    return;
  }
  std::uint32_t tile_width = 0, tile_height = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
  std::vector<std::uint8_t> tile(static_cast<std::size_t>(TIFFTileSize64(tiff)));
  for (std::int64_t part = 0; part < parts; ++part)
    for (std::uint32_t top = 0; top < l.height; top += tile_height)
      for (std::uint32_t left = 0; left < l.width; left += tile_width) {
        file.check(
            TIFFReadTile(tiff, tile.data(), left, top, 0, static_cast<std::uint16_t>(part)) >= 0);
        for (std::uint32_t y = top; y < std::min(top + tile_height, l.height); ++y)
          placement.row(tile.data() + std::size_t(y - top) * tile_width * std::size_t(stored) *
                                          sizeof(Sample),
                        part, stored, y, left, std::min(tile_width, l.width - left));
      }
}

void read(const std::filesystem::path& path, const PictureHeader& header, std::int64_t page,
          void* planes) {
  TiffFile file(path, "r");
  file.check(TIFFSetDirectory(file.get(), static_cast<tdir_t>(page)) == 1);
  const Layout l = file.layout();
  require_readable(l);
  require_planned(header, header_of(l));
  ask_for_rgb(file, l);
  if (l.bits == 8) read_samples<float, std::uint8_t>(file, l, header, planes);
  else if (l.bits == 16) read_samples<float, std::uint16_t>(file, l, header, planes);
  else if (l.bits == 32) read_samples<float, float>(file, l, header, planes);
  else read_samples<double, double>(file, l, header, planes);
}

}  // namespace

const Decoder kTiff{read_header, read};

struct TiffWriter::Impl {
  TiffFile file;
};

TiffWriter::TiffWriter(const std::filesystem::path& file, std::int64_t bytes)
    // Offsets of 32 bits end at 4 GiB, and directories take a little.
    : impl_(new Impl{{file, bytes > 4'000'000'000 ? "w8" : "w"}}) {}

TiffWriter::~TiffWriter() = default;

void TiffWriter::add_page(std::int64_t height, std::int64_t width, std::int64_t channels,
                          SampleType type, const void* pixels) {
  static constexpr int bits[] = {8, 16, 32, 64};
  const int sample_bits = bits[static_cast<int>(type)];
  const bool whole = type == SampleType::uint8 || type == SampleType::uint16;
  TIFF* tiff = impl_->file.get();
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(width));
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(height));
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, sample_bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, static_cast<int>(channels));
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, whole ? SAMPLEFORMAT_UINT : SAMPLEFORMAT_IEEEFP);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  const bool colour = channels == 3;
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, colour ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  if (!colour && channels > 1) {
    const std::vector<std::uint16_t> others(static_cast<std::size_t>(channels - 1),
                                            EXTRASAMPLE_UNSPECIFIED);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, static_cast<int>(others.size()), others.data());
  }
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
  std::vector<std::uint8_t> line(static_cast<std::size_t>(width * channels * sample_bits / 8));
  for (std::int64_t y = 0; y < height; ++y) {
    // libtiff may swap bytes in the line it is given.
    const auto* from =
        static_cast<const std::uint8_t*>(pixels) + y * static_cast<std::int64_t>(line.size());
    std::copy(from, from + line.size(), line.begin());
    impl_->file.check(TIFFWriteScanline(tiff, line.data(), static_cast<std::uint32_t>(y), 0) == 1);
  }
  impl_->file.check(TIFFWriteDirectory(tiff) == 1);
}

void TiffWriter::close() { impl_->file.close(); }

}  // namespace pellucid

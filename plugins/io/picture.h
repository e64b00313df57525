// picture: PNG, JPEG and TIFF files as planes of samples, known by their content and not their
// name.
//
// Pixels stand as stored: gamma, colour profiles and EXIF orientation are ignored. Palettes become
// RGB; transparency is dropped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace pellucid {

struct PictureHeader {
  std::int64_t channels = 0;  ///< 1 or 3, of TIFF any number
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t pages = 1;
  bool whole_numbers = true;  ///< read as [0, 1]; otherwise values stay as they are
  bool wide = false;          ///< read as float64, otherwise as float32
  /// Bytes that decoding takes beside the planes.
  std::int64_t working_bytes = 0;

  std::int64_t samples() const { return channels * height * width; }
};

/// Throws Error, without the file's name: what is wrong with it.
PictureHeader read_picture_header(const std::filesystem::path& file);
/// Fills `planes`, (channels, height, width) of the header's precision.
void read_picture(const std::filesystem::path& file, const PictureHeader& header, std::int64_t page,
                  void* planes);

/// 8 bits, `pixels` (height, width, channels) with 1 or 3 channels. Throws Error.
void write_png(const std::filesystem::path& file, std::int64_t height, std::int64_t width,
               std::int64_t channels, const std::uint8_t* pixels);

enum class SampleType { uint8, uint16, float32, float64 };

/// A TIFF file with one page after the other.
class TiffWriter {
 public:
  /// `bytes`: how much will be written; decides between TIFF and BigTIFF. Throws Error.
  TiffWriter(const std::filesystem::path& file, std::int64_t bytes);
  TiffWriter(const TiffWriter&) = delete;
  TiffWriter& operator=(const TiffWriter&) = delete;
  ~TiffWriter();

  /// `pixels`: (height, width, channels). Throws Error.
  void add_page(std::int64_t height, std::int64_t width, std::int64_t channels, SampleType type,
                const void* pixels);
  /// Throws Error where the last bytes cannot be written.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pellucid

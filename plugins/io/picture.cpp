// Chooses the decoder by a file's first bytes.

#include "picture.h"

#include <array>
#include <cstdio>
#include <string_view>

#include <pellucid/error.h>

#include "decoders.h"

namespace pellucid {
namespace {

const Decoder& decoder_of(const std::filesystem::path& file) {
  std::array<char, 8> bytes{};
  std::FILE* stream = std::fopen(file.c_str(), "rb");
  if (!stream) throw Error("the file cannot be opened");
  const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), stream);
  std::fclose(stream);
  const std::string_view start(bytes.data(), count);
  using namespace std::string_view_literals;
  if (start == "\x89PNG\r\n\x1a\n"sv) return kPng;
  if (start.starts_with("\xff\xd8\xff"sv)) return kJpeg;
  for (const auto tiff : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv})
    if (start.starts_with(tiff)) return kTiff;
  throw Error("it is not a PNG, JPEG or TIFF file");
}

}  // namespace

PictureHeader read_picture_header(const std::filesystem::path& file) {
  return decoder_of(file).read_header(file);
}

void read_picture(const std::filesystem::path& file, const PictureHeader& header, std::int64_t page,
                  void* planes) {
  decoder_of(file).read(file, header, page, planes);
}

}  // namespace pellucid

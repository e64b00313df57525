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

std::string text_of(const PictureHeader& header) {
  const char* const kind = header.whole_numbers ? " of whole numbers"
                           : header.wide        ? " of float64"
                                                : " of float32";
  return std::to_string(header.height) + " x " + std::to_string(header.width) + " with " +
         std::to_string(header.channels) + (header.channels == 1 ? " channel" : " channels") + kind;
}

}  // namespace

void require_planned(const PictureHeader& planned, const PictureHeader& found) {
  const auto differs = [&](auto member) { return planned.*member != found.*member; };
  if (differs(&PictureHeader::channels) || differs(&PictureHeader::height) ||
      differs(&PictureHeader::width) || differs(&PictureHeader::whole_numbers) ||
      differs(&PictureHeader::wide))
    throw Error("it was " + text_of(planned) + " when the plan was made and is " + text_of(found) +
                "; start again, so that it is planned as it is");
}

PictureHeader read_picture_header(const std::filesystem::path& file) {
  return decoder_of(file).read_header(file);
}

void read_picture(const std::filesystem::path& file, const PictureHeader& header, std::int64_t page,
                  void* planes) {
  decoder_of(file).read(file, header, page, planes);
}

}  // namespace pellucid

// PNG by libpng. It reports errors by jumping back to where it was called from, so the functions
// that call it own nothing.

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <vector>

#include <pellucid/error.h>

#include "decoders.h"

namespace pellucid {
namespace {

class PngFile {
 public:
  PngFile(const std::filesystem::path& path, bool writing)
      : file_(std::fopen(path.c_str(), writing ? "wb" : "rb")), writing_(writing) {
    if (!file_) throw Error("the file cannot be opened");
    png_ = writing ? png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning)
                   : png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) throw Error("libpng cannot be set up");
  }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;
  ~PngFile() {
    if (writing_) png_destroy_write_struct(&png_, &info_);
    else png_destroy_read_struct(&png_, &info_, nullptr);
    if (file_) std::fclose(file_);
  }

  PictureHeader header() {
    check(start());
    PictureHeader header;
    header.channels = png_get_channels(png_, info_);
    header.height = png_get_image_height(png_, info_);
    header.width = png_get_image_width(png_, info_);
    header.working_bytes = header.height * static_cast<std::int64_t>(png_get_rowbytes(png_, info_));
    return header;
  }

  void read(const PictureHeader& planned, float* planes) {
    const PictureHeader header = this->header();
    require_planned(planned, header);
    const bool deep = png_get_bit_depth(png_, info_) == 16;
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    std::vector<png_byte> pixels(row_bytes * static_cast<std::size_t>(header.height));
    std::vector<png_bytep> rows;
    for (std::int64_t y = 0; y < header.height; ++y)
      rows.push_back(pixels.data() + static_cast<std::size_t>(y) * row_bytes);
    check(read_rows(rows.data()));
    for (std::int64_t y = 0; y < header.height; ++y) {
      const auto* row = rows[static_cast<std::size_t>(y)];
      if (deep)
        spread_row(reinterpret_cast<const std::uint16_t*>(row), header.channels, 65535, y, header,
                   planes);
      else spread_row(row, header.channels, 255, y, header, planes);
    }
  }

  void write(std::int64_t height, std::int64_t width, std::int64_t channels,
             const std::uint8_t* pixels) {
    std::vector<png_bytep> rows;
    for (std::int64_t y = 0; y < height; ++y)
      rows.push_back(const_cast<png_bytep>(pixels + y * width * channels));
    check(write_rows(height, width, channels, rows.data()));
    std::FILE* file = file_;
    file_ = nullptr;
    if (std::fclose(file) != 0) throw Error("the last bytes cannot be written");
  }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    static_cast<PngFile*>(png_get_error_ptr(png))->message_ = message;
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  void check(bool succeeded) const {
    if (!succeeded) throw Error("the PNG data are damaged or incomplete (" + message_ + ")");
  }

  bool start() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_init_io(png_, file_);
    png_read_info(png_, info_);
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_alpha(png_);
    if (png_get_bit_depth(png_, info_) == 16) png_set_swap(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_rows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  bool write_rows(std::int64_t height, std::int64_t width, std::int64_t channels, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_init_io(png_, file_);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
                 channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    png_write_image(png_, rows);
    png_write_end(png_, nullptr);
    return true;
  }

  std::FILE* file_;
  bool writing_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::string message_;
};

PictureHeader read_header(const std::filesystem::path& file) {
  return PngFile(file, false).header();
}

void read(const std::filesystem::path& file, const PictureHeader& header, std::int64_t,
          void* planes) {
  PngFile(file, false).read(header, static_cast<float*>(planes));
}

}  // namespace

const Decoder kPng{read_header, read};

void write_png(const std::filesystem::path& file, std::int64_t height, std::int64_t width,
               std::int64_t channels, const std::uint8_t* pixels) {
  PngFile(file, true).write(height, width, channels, pixels);
}

}  // namespace pellucid

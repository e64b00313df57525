// JPEG by libjpeg, which invents the rest of a broken file and only warns; here that is an error.
// It reports errors by jumping back to where it was called from, so the functions that call it own
// nothing.

#include <csetjmp>
#include <cstdio>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include <pellucid/error.h>

#include "decoders.h"

namespace pellucid {
namespace {

class JpegFile {
 public:
  explicit JpegFile(const std::filesystem::path& path) : file_(std::fopen(path.c_str(), "rb")) {
    if (!file_) throw Error("the file cannot be opened");
    decoder_.err = jpeg_std_error(&errors_);
    decoder_.client_data = this;
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    jpeg_create_decompress(&decoder_);
  }
  JpegFile(const JpegFile&) = delete;
  JpegFile& operator=(const JpegFile&) = delete;
  ~JpegFile() {
    jpeg_destroy_decompress(&decoder_);
    std::fclose(file_);
  }

  PictureHeader header() {
    check(start());
    if (decoder_.num_components != 1 && decoder_.num_components != 3)
      throw Error("JPEG files of " + std::to_string(decoder_.num_components) +
                  " colour components (CMYK) are not read; convert it to RGB");
    PictureHeader header;
    header.channels = decoder_.num_components;
    header.height = decoder_.image_height;
    header.width = decoder_.image_width;
    // A progressive file keeps all its coefficients, of 2 bytes, in blocks of 8 by 8.
    header.working_bytes =
        2 * header.channels * (header.height + 16) * (header.width + 16) + 64 * header.width * 3;
    return header;
  }

  void read(const PictureHeader& planned, float* planes) {
    require_planned(planned, header());
    std::vector<JSAMPLE> row(static_cast<std::size_t>(planned.width * planned.channels));
    check(read_rows(planned, row.data(), planes));
    if (!message_.empty()) check(false);
  }

 private:
  static JpegFile& owner(j_common_ptr decoder) {
    return *static_cast<JpegFile*>(decoder->client_data);
  }

  void note(j_common_ptr decoder) {
    char text[JMSG_LENGTH_MAX];
    decoder->err->format_message(decoder, text);
    if (message_.empty()) message_ = text;
  }

  [[noreturn]] static void on_error(j_common_ptr decoder) {
    owner(decoder).note(decoder);
    std::longjmp(owner(decoder).back_, 1);
  }

  /// Warnings about the data count; those about unusual markers do not.
  static void on_message(j_common_ptr decoder, int level) {
    const int code = decoder->err->msg_code;
    if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
      owner(decoder).note(decoder);
  }

  void check(bool succeeded) const {
    if (!succeeded) throw Error("the JPEG data are damaged or incomplete (" + message_ + ")");
  }

  bool start() {
    if (setjmp(back_)) return false;
    jpeg_stdio_src(&decoder_, file_);
    jpeg_read_header(&decoder_, TRUE);
    return true;
  }

  bool read_rows(const PictureHeader& header, JSAMPROW row, float* planes) {
    if (setjmp(back_)) return false;
    decoder_.out_color_space = header.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&decoder_);
    while (decoder_.output_scanline < decoder_.output_height) {
      const std::int64_t y = decoder_.output_scanline;
      jpeg_read_scanlines(&decoder_, &row, 1);
      spread_row(row, header.channels, 255, y, header, planes);
    }
    jpeg_finish_decompress(&decoder_);
    return true;
  }

  std::FILE* file_;
  jpeg_decompress_struct decoder_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf back_{};
  std::string message_;
};

PictureHeader read_header(const std::filesystem::path& file) { return JpegFile(file).header(); }

void read(const std::filesystem::path& file, const PictureHeader& header, std::int64_t,
          void* planes) {
  JpegFile(file).read(header, static_cast<float*>(planes));
}

}  // namespace

const Decoder kJpeg{read_header, read};

}  // namespace pellucid

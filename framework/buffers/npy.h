// The header of NPY files (NumPy's own format, versions 1 to 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pellucid/spec.h>

#include "buffers/file.h"

namespace pellucid {

struct NpyHeader {
  char kind = 'f';  ///< b truth, i integer, u unsigned, f float, c complex
  std::int64_t element_bytes = 4;
  bool big_endian = false;
  std::vector<std::int64_t> shape;
  std::int64_t data_offset = 0;

  /// The type in memory; unsigned integers of 2 and 4 bytes widen.
  at::ScalarType dtype() const;
};

/// Throws Error: not NPY, not numbers, Fortran order, truncated.
NpyHeader read_npy_header(const File& file);

/// The header of a file of this dtype and shape. Throws Error for a dtype that NPY cannot hold.
std::string npy_header(at::ScalarType dtype, at::IntArrayRef shape);

/// Elements as they stand in the file, `count` of them, into a tensor of the header's dtype.
void decode_npy(const NpyHeader& header, const char* stored, std::int64_t count, void* decoded);

}  // namespace pellucid

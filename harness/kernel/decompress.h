// What is inside a compressed kernel payload?
#pragma once

#include <string>
#include <string_view>

#include "harness/base/deadline.h"

namespace holdfast {

/// "gzip", "xz", "zstd", "lz4", "lzma", "bzip2", "lzo", "none" (an ELF file as it is), or empty when the bytes begin
/// with no magic that the kernel's own decompressors know.
/// Source: the magics in linux lib/decompress.c, and lib/decompress_unlz4.c for lz4's legacy format.
std::string_view compression_of(std::string_view bytes);

/// Inflates one gzip member; what follows it is left alone. Errors: lab.damaged.
Result<std::string> inflate_gzip(std::string_view bytes);

/// The content of a bzImage's payload: compressed bytes, then (but for an uncompressed one) four bytes with the length
/// of the content (linux scripts/Makefile.lib, size_append). gzip is inflated here, the others by the program of their
/// name. Errors: lab.tool naming the package to install, lab.damaged.
Result<std::string> unpack_payload(std::string_view payload, const Deadline& deadline);

}  // namespace holdfast

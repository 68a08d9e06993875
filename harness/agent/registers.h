// How are registers of a device reached without its driver?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "harness/base/result.h"
#include "harness/wire/frame.h"

namespace holdfast::agent {

/// Writes `bytes` at `offset` of a file in one call: a register wants one access of its own size.
Result<void> write_at(const std::filesystem::path& file, uint64_t offset, const wire::Bytes& bytes);

/// Maps a file (a BAR's "resource0") and reads `length` bytes at `offset` of it, four at a time: what a device answers
/// to an access of another size is its own affair. Errors: the request's when offset or length is no multiple of 4, or
/// they reach beyond the file's end; the kernel's.
Result<wire::Bytes> read_words(const std::filesystem::path& file, uint64_t offset, uint32_t length);

}  // namespace holdfast::agent

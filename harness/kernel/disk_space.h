// Is there room for what is about to be written?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace holdfast {

/// Bytes that this user may still write below `path`; asks about the nearest folder above that exists.
Result<uint64_t> free_bytes(const std::filesystem::path& path);

/// Errors: lab.disk naming what it is for, how much is needed, how much there is and where.
Result<void> require_space(const std::filesystem::path& path, uint64_t bytes, std::string_view purpose);

/// The error for a write that ended with ENOSPC although there had been room at first.
Error disk_full(const std::filesystem::path& path, std::string_view purpose);

/// "1.8 GB", "512 MB", "3 kB": decimal units, as disks and df -H count.
std::string describe_bytes(uint64_t bytes);

}  // namespace holdfast

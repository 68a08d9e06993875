// What do the bytes of a kernel image say about it?
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace holdfast {

/// What the setup header of an x86 bzImage says.
/// Source: linux Documentation/arch/x86/boot.rst, boot protocol 2.08 and later.
struct BzImageHeader {
  std::string release;        ///< uname -r
  std::string banner;         ///< uname -v, "#1 SMP PREEMPT Mon ..."
  size_t payload_offset = 0;  ///< from the beginning of the file
  size_t payload_length = 0;
};

/// Errors: harness.usage, saying what the bytes are when they are no bzImage, or that it is cut short.
Result<BzImageHeader> parse_bzimage(std::string_view file);

/// The GNU build-id of a 64-bit little-endian ELF file as hex; empty when it has none.
/// Source: the ELF-64 object file format, version 1.5; NT_GNU_BUILD_ID in linux include/uapi/linux/elf.h.
std::string build_id_of(std::string_view elf);

/// The gzip stream between the markers of CONFIG_IKCONFIG, if it was on. Source: linux kernel/configs.c.
std::optional<std::string_view> embedded_config(std::string_view vmlinux);

}  // namespace holdfast

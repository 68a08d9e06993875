// What do the bytes of a kernel image say about it?
#include "harness/kernel/bzimage.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/kernel/decompress.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/little_endian.h"

namespace holdfast {
namespace {

// Offsets in the setup header, boot.rst.
constexpr size_t kSetupSects = 0x1f1;
constexpr size_t kSysSize = 0x1f4;
constexpr size_t kBootFlag = 0x1fe;
constexpr size_t kMagic = 0x202;
constexpr size_t kVersion = 0x206;
constexpr size_t kKernelVersion = 0x20e;
constexpr size_t kPayloadOffset = 0x248;
constexpr size_t kPayloadLength = 0x24c;
constexpr size_t kHeaderEnd = 0x250;
constexpr size_t kSector = 512;

Error not_a_bzimage(std::string what) {
  return usage_error(fmt::format("not an x86 bzImage but {}", what))
      .because("give the file arch/x86/boot/bzImage of a kernel build, or a name from `holdfast kernel list`");
}

/// What bytes without a bzImage's magic are, in the words of somebody who built a kernel.
Error name_the_stranger(std::string_view file) {
  if (file.empty()) return not_a_bzimage("an empty file");
  if (file.starts_with("\x7f"
                       "ELF")) {
    return not_a_bzimage("an ELF file (vmlinux?)");
  }
  if (file.starts_with("!<arch>\n")) return not_a_bzimage("a Debian package or an archive");
  if (file.starts_with("#!")) return not_a_bzimage("a script");
  if (file.starts_with("070701")) return not_a_bzimage("a cpio archive (initramfs?)");
  if (file.size() > kMagic + 4 && file.substr(0x38, 4) == "ARM\x64") return not_a_bzimage("an arm64 Image");
  if (const auto compression = compression_of(file); !compression.empty()) {
    return not_a_bzimage(fmt::format("a file compressed with {}", compression));
  }
  return not_a_bzimage("something else");
}

Error cut_short(size_t is, size_t should_be) {
  return usage_error(fmt::format("the bzImage is cut short: {} of {}", describe_bytes(is), describe_bytes(should_be)))
      .because("copy it or build it again");
}

/// "7.3.4 (user@host) #1 SMP ..." into release and banner.
void split_version(std::string_view text, BzImageHeader& header) {
  header.release = std::string(text.substr(0, text.find(' ')));
  const size_t number = text.find(") #");
  if (number != std::string_view::npos) header.banner = std::string(trim(text.substr(number + 2)));
}

}  // namespace

Result<BzImageHeader> parse_bzimage(std::string_view file) {
  constexpr uint16_t kFlag = 0xAA55;
  constexpr uint16_t kOldest = 0x0208;
  if (file.size() < kHeaderEnd || file.substr(kMagic, 4) != "HdrS" || le16(file, kBootFlag) != kFlag) {
    return name_the_stranger(file);
  }
  if (le16(file, kVersion) < kOldest) return not_a_bzimage("one of a kernel older than 2.6.26");
  const size_t sectors = static_cast<unsigned char>(file[kSetupSects]);
  const size_t setup = ((sectors == 0 ? 4 : sectors) + 1) * kSector;
  const size_t whole = setup + size_t{le32(file, kSysSize)} * 16;
  BzImageHeader header;
  header.payload_offset = setup + le32(file, kPayloadOffset);
  header.payload_length = le32(file, kPayloadLength);
  const size_t needed = std::max(header.payload_offset + header.payload_length, whole < 16 ? 0 : whole - 15);
  if (file.size() < needed) return cut_short(file.size(), std::max(whole, needed));
  const uint16_t version = le16(file, kKernelVersion);
  if (version != 0) {
    const size_t at = size_t{version} + 0x200;
    if (at >= file.size()) return cut_short(file.size(), at);
    const std::string_view rest = file.substr(at, 512);
    split_version(rest.substr(0, rest.find('\0')), header);
  }
  return header;
}

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string_view piece(std::string_view bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size()) return {};
  return bytes.substr(static_cast<size_t>(offset),
                      static_cast<size_t>(std::min<uint64_t>(size, bytes.size() - offset)));
}

/// Walks notes: u32 name size, u32 descriptor size, u32 type, name, descriptor, both padded to 4.
std::string build_id_in(std::string_view notes) {
  constexpr uint32_t kGnuBuildId = 3;
  const auto padded = [](uint64_t size) { return (size + 3) & ~uint64_t{3}; };
  while (notes.size() >= 12) {
    const uint64_t name_size = le32(notes, 0);
    const uint64_t value_size = le32(notes, 4);
    const std::string_view name = piece(notes, 12, name_size);
    const std::string_view value = piece(notes, 12 + padded(name_size), value_size);
    if (le32(notes, 8) == kGnuBuildId && name == std::string_view("GNU\0", 4)) return hex(value);
    const uint64_t size = 12 + padded(name_size) + padded(value_size);
    if (size > notes.size()) return {};
    notes.remove_prefix(static_cast<size_t>(size));
  }
  return {};
}

}  // namespace

std::string build_id_of(std::string_view elf) {
  constexpr std::string_view kElf64LittleEndian =
      "\x7f"
      "ELF\x02\x01";
  constexpr uint32_t kSegmentNote = 4;  // PT_NOTE
  constexpr uint32_t kSectionNote = 7;  // SHT_NOTE
  if (!elf.starts_with(kElf64LittleEndian)) return {};
  const uint64_t segments = le64(elf, 0x20);
  const uint64_t sections = le64(elf, 0x28);
  for (uint64_t i = 0; i < le16(elf, 0x38); ++i) {
    const std::string_view entry = piece(elf, segments + i * le16(elf, 0x36), 56);
    if (le32(entry, 0) != kSegmentNote) continue;
    if (auto id = build_id_in(piece(elf, le64(entry, 8), le64(entry, 32))); !id.empty()) return id;
  }
  for (uint64_t i = 0; i < le16(elf, 0x3c); ++i) {
    const std::string_view entry = piece(elf, sections + i * le16(elf, 0x3a), 64);
    if (le32(entry, 4) != kSectionNote) continue;
    if (auto id = build_id_in(piece(elf, le64(entry, 24), le64(entry, 32))); !id.empty()) return id;
  }
  return {};
}

std::optional<std::string_view> embedded_config(std::string_view vmlinux) {
  constexpr std::string_view kBegin = "IKCFG_ST\x1f\x8b";
  constexpr std::string_view kEnd = "IKCFG_ED";
  const size_t begin = vmlinux.find(kBegin);
  if (begin == std::string_view::npos) return std::nullopt;
  const size_t content = begin + kBegin.size() - 2;
  const size_t end = vmlinux.find(kEnd, content);
  if (end == std::string_view::npos) return std::nullopt;
  return vmlinux.substr(content, end - content);
}

}  // namespace holdfast

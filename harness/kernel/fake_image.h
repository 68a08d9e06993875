// What stands in for a kernel image in unit tests? Files that are tiny, and real in all that the code looks at.
#pragma once

#include <zlib.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/process.h"
#include "harness/kernel/fake_surroundings.h"

namespace holdfast::fake {

template <class Number>
void put(std::string& bytes, size_t at, Number value) {
  for (size_t i = 0; i < sizeof(Number); ++i)
    bytes[at + i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
}

inline std::string gzip(std::string_view content) {
  z_stream stream{};
  ::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(content.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

inline constexpr std::string_view kBuildId = "00112233445566778899aabbccddeeff01234567";
inline constexpr std::string_view kConfig =
    "CONFIG_PCI=y\n# CONFIG_SOUND is not set\nCONFIG_NAME=\"a b\"\nCONFIG_X=m\n";

/// An ELF-64 file with one note segment (another note, then the build-id) and an embedded configuration.
inline std::string vmlinux(std::optional<std::string_view> config = kConfig) {
  std::string elf(64 + 56, '\0');
  elf.replace(0, 6,
              std::string_view("\x7f"
                               "ELF\x02\x01",
                               6));
  std::string notes;
  const auto note = [&](uint32_t type, std::string_view name, std::string_view value) {
    std::string head(12, '\0');
    put(head, 0, static_cast<uint32_t>(name.size()));
    put(head, 4, static_cast<uint32_t>(value.size()));
    put(head, 8, type);
    notes += head;
    for (const std::string_view part : {name, value}) {
      notes += part;
      notes.append((4 - part.size() % 4) % 4, '\0');
    }
  };
  note(0x12, std::string_view("Xen\0", 4), "odd");
  std::string id;
  for (size_t i = 0; i < kBuildId.size(); i += 2) {
    id += static_cast<char>(std::stoi(std::string(kBuildId.substr(i, 2)), nullptr, 16));
  }
  note(3, std::string_view("GNU\0", 4), id);
  put<uint64_t>(elf, 0x20, 64);  // segments follow the header
  put<uint16_t>(elf, 0x36, 56);
  put<uint16_t>(elf, 0x38, 1);
  put<uint32_t>(elf, 64, 4);        // PT_NOTE
  put<uint64_t>(elf, 64 + 8, 120);  // offset
  put<uint64_t>(elf, 64 + 32, notes.size());
  elf += notes;
  if (config) elf += "IKCFG_ST" + gzip(*config) + "IKCFG_ED";
  return elf;
}

/// A bzImage around `payload`, as boot.rst lays it out.
inline std::string bzimage(std::string_view payload,
                           std::string_view version = "7.3.4 (someone@there) #7 SMP Thu Jan 1") {
  constexpr size_t kSectors = 1;
  const size_t setup = (kSectors + 1) * 512;
  std::string file(setup, '\0');
  put<uint8_t>(file, 0x1f1, kSectors);
  put<uint16_t>(file, 0x1fe, 0xAA55);
  file.replace(0x202, 4, "HdrS");
  put<uint16_t>(file, 0x206, 0x20f);
  put<uint16_t>(file, 0x20e, 0x300 - 0x200);
  file.replace(0x300, version.size(), version);
  constexpr uint32_t kBefore = 32;
  put<uint32_t>(file, 0x248, kBefore);
  put<uint32_t>(file, 0x24c, static_cast<uint32_t>(payload.size()));
  file.append(kBefore, '\0');
  file += payload;
  file.append((16 - file.size() % 16) % 16, '\0');
  put<uint32_t>(file, 0x1f4, static_cast<uint32_t>((file.size() - setup) / 16));
  return file;
}

/// A payload compressed by a program, with the length that the kernel's makefiles append.
inline std::optional<std::string> pack(const std::vector<std::string>& argv, std::string_view content) {
  const auto output = run({.argv = argv}, soon(), content);
  if (!output || !output->status.success()) return std::nullopt;
  std::string packed = output->out + std::string(4, '\0');
  put(packed, packed.size() - 4, static_cast<uint32_t>(content.size()));
  return packed;
}

inline std::string bzimage_gzip() { return bzimage(gzip(vmlinux())); }

}  // namespace holdfast::fake

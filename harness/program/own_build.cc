// Which build of the program is this?
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstring>
#include <span>

#include "harness/program/program.h"

namespace holdfast {
namespace {

/// The description of the note NT_GNU_BUILD_ID among these notes, in hex. Source: elf(5), "Notes (Nhdr)": names and
/// descriptions are padded to 4 bytes.
std::string build_id_in(std::span<const unsigned char> notes) {
  const auto padded = [](size_t size) { return (size + 3) & ~size_t{3}; };
  ElfW(Nhdr) head{};
  while (notes.size() >= sizeof head) {
    std::memcpy(&head, notes.data(), sizeof head);
    const size_t begin = sizeof head + padded(head.n_namesz);
    const size_t end = begin + head.n_descsz;
    if (notes.size() < end) return {};
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == sizeof ELF_NOTE_GNU) {
      std::string hex;
      for (const unsigned char byte : notes.subspan(begin, head.n_descsz)) hex += fmt::format("{:02x}", byte);
      return hex;
    }
    notes = notes.subspan(std::min(notes.size(), padded(end)));
  }
  return {};
}

}  // namespace

std::string own_build_id() {
  std::string id;
  // The first object that is told is the program itself (dl_iterate_phdr(3)).
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* into) {
        for (const auto& segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
          if (segment.p_type != PT_NOTE) continue;
          const auto* begin = reinterpret_cast<const unsigned char*>(object->dlpi_addr + segment.p_vaddr);
          const std::string found = build_id_in({begin, segment.p_memsz});
          if (!found.empty()) *static_cast<std::string*>(into) = found;
        }
        return 1;
      },
      &id);
  return id;
}

}  // namespace holdfast

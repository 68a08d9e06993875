// What is a PCI device called?
#include "harness/pci/pci_names.h"

#include <array>

extern "C" {
#include <pci/pci.h>
}

namespace holdfast {
namespace {

void silent(char* /*format*/, ...) {}

}  // namespace

/// libpci reads the list at the first question. Without pci_init() it opens nothing else.
struct PciNames::List {
  List() : access(pci_alloc()) {
    access->warning = silent;
    access->debug = silent;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { pci_cleanup(access); }

  std::string look_up(int what, int first, int second = 0) const {
    std::array<char, 256> room{};
    const int flags = what | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
    const char* name = pci_lookup_name(access, room.data(), static_cast<int>(room.size()), flags, first, second);
    return name == nullptr ? "" : name;
  }

  pci_access* access;
};

PciNames::PciNames() : list_(std::make_unique<List>()) {}
PciNames::PciNames(PciNames&&) noexcept = default;
PciNames& PciNames::operator=(PciNames&&) noexcept = default;
PciNames::~PciNames() = default;

std::string PciNames::vendor(uint16_t vendor) const { return list_->look_up(PCI_LOOKUP_VENDOR, vendor); }
std::string PciNames::device(uint16_t vendor, uint16_t device) const {
  return list_->look_up(PCI_LOOKUP_DEVICE, vendor, device);
}
std::string PciNames::class_of(uint32_t class_code) const {
  return list_->look_up(PCI_LOOKUP_CLASS, static_cast<int>(class_code >> 8));
}

}  // namespace holdfast

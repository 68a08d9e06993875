// What is a PCI device called?
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace holdfast {

/// The names of the list pci.ids, as libpci finds it on this machine. Empty strings for what is not in it, or when
/// there is no list. Move-only, one thread at a time.
class PciNames {
 public:
  PciNames();
  PciNames(PciNames&&) noexcept;
  PciNames& operator=(PciNames&&) noexcept;
  ~PciNames();

  std::string vendor(uint16_t vendor) const;
  std::string device(uint16_t vendor, uint16_t device) const;
  /// Of the upper 16 bits of `class_code`, whose lowest 8 are the programming interface.
  std::string class_of(uint32_t class_code) const;

 private:
  struct List;
  std::unique_ptr<List> list_;
};

}  // namespace holdfast

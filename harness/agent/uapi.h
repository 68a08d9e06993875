// What do the kernel's newer interfaces look like to a program? Layouts and numbers, for build hosts with older
// headers.
//
// The numbers were read in Linux 7.3; each structure names its file there. What Linux 6.1 has already comes from the
// system's own <linux/vfio.h>.
#pragma once

#include <linux/ioctl.h>

#include <array>
#include <cstdint>

namespace holdfast::agent::uapi {

// Source: include/uapi/linux/liveupdate.h. Every structure begins with its own size.
inline constexpr unsigned kLiveUpdateType = 0xBA;
inline constexpr unsigned long kLuoCreateSession = _IO(kLiveUpdateType, 0x00);
inline constexpr unsigned long kLuoRetrieveSession = _IO(kLiveUpdateType, 0x01);
inline constexpr unsigned long kLuoPreserveFd = _IO(kLiveUpdateType, 0x40);
inline constexpr unsigned long kLuoRetrieveFd = _IO(kLiveUpdateType, 0x41);
inline constexpr unsigned long kLuoFinish = _IO(kLiveUpdateType, 0x42);

struct LuoSession {
  uint32_t size = sizeof(LuoSession);
  int32_t fd = -1;              ///< out
  std::array<char, 64> name{};  ///< the last byte must be 0, says the kernel
};
static_assert(sizeof(LuoSession) == 72);

/// For preserve (`fd` goes in) and retrieve (`fd` comes out).
struct LuoFile {
  uint32_t size = sizeof(LuoFile);
  int32_t fd = -1;
  alignas(8) uint64_t token = 0;
};
static_assert(sizeof(LuoFile) == 16);

struct LuoFinish {
  uint32_t size = sizeof(LuoFinish);
  uint32_t reserved = 0;
};

// Source: include/uapi/linux/vfio.h. The type is ';', the numbers count from 100.
inline constexpr unsigned long kVfioBindIommufd = _IO(';', 100 + 18);
inline constexpr unsigned long kVfioAttachIommufd = _IO(';', 100 + 19);

/// Without the 8 bytes for a token that 7.3 knows: the kernel takes the shorter structure of 6.6 too.
struct VfioBindIommufd {
  uint32_t argsz = sizeof(VfioBindIommufd);
  uint32_t flags = 0;
  int32_t iommufd = -1;
  uint32_t out_devid = 0;
};

/// Likewise without the PASID.
struct VfioAttachIommufd {
  uint32_t argsz = sizeof(VfioAttachIommufd);
  uint32_t flags = 0;
  uint32_t pt_id = 0;
};

// Source: include/uapi/linux/iommufd.h. The type is ';' here too.
inline constexpr unsigned long kIoasAlloc = _IO(';', 0x81);
inline constexpr unsigned long kIoasMap = _IO(';', 0x85);
inline constexpr unsigned long kIoasUnmap = _IO(';', 0x86);
inline constexpr unsigned long kIoasMapFile = _IO(';', 0x8F);

struct IoasAlloc {
  uint32_t size = sizeof(IoasAlloc);
  uint32_t flags = 0;
  uint32_t out_ioas_id = 0;
};

inline constexpr uint32_t kMapFixedIova = 1;
inline constexpr uint32_t kMapWriteable = 2;
inline constexpr uint32_t kMapReadable = 4;

/// For IoasMap `reserved_or_fd` is 0 and `from` an address; for IoasMapFile they are a descriptor and an offset.
struct IoasMap {
  uint32_t size = sizeof(IoasMap);
  uint32_t flags = 0;
  uint32_t ioas_id = 0;
  int32_t reserved_or_fd = 0;
  alignas(8) uint64_t from = 0;
  alignas(8) uint64_t length = 0;
  alignas(8) uint64_t iova = 0;
};
static_assert(sizeof(IoasMap) == 40);

struct IoasUnmap {
  uint32_t size = sizeof(IoasUnmap);
  uint32_t ioas_id = 0;
  alignas(8) uint64_t iova = 0;
  alignas(8) uint64_t length = 0;
};
static_assert(sizeof(IoasUnmap) == 24);

}  // namespace holdfast::agent::uapi

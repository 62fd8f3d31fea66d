import { Controller, type Type } from '@nestjs/common';

/** The controller at a configured path: a class of its own, so that two applications in one process may differ. */
export function placedAt(path: string, controller: Type<object>): Type<object> {
  const placed = class extends controller {};
  Object.defineProperty(placed, 'name', { value: controller.name });
  Controller(path)(placed);
  return placed;
}

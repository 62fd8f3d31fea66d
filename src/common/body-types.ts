/** Every route with a body reads all three (contract.md §0.3). */
export const BODY_TYPES = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'] as const;

import { ArrayUnique, IsArray, IsBoolean, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { ClaimRules, HttpUrl, IssuerUrl, Section, Sections } from './fields.js';

/** Which values of which claims mean something: any one value of each claim named. */
export type ClaimRule = Record<string, string[]>;

/** `sso.providers[].roles`: who becomes staff, by the provider's claims. */
export class SsoRolesConfig {
  @ClaimRules() admin: ClaimRule = {};
  @ClaimRules() moderator: ClaimRule = {};
}

/** One of `sso.providers`: an OpenID provider that may vouch for people (contract.md §1). */
export class SsoProviderConfig {
  @Matches(/^[a-z0-9_-]{1,64}$/, { message: '$property must be 1 to 64 of a-z, 0-9, _ and -' }) id: string;
  @IsString() @MaxLength(100) name: string;
  @IsOptional() @HttpUrl() icon: string | null = null;
  @IssuerUrl() issuer: string;
  @IsString() @MaxLength(500) client_id: string;
  @IsOptional() @IsString() client_secret: string | null = null;
  @Matches(/^(\S+ )*openid( \S+)*$/, { message: '$property must be words separated by one space, openid among them' })
  scopes = 'openid profile email';
  @IsBoolean() auto_register = false;
  @IsOptional() @IsBoolean() registrations: boolean | null = null;
  @IsArray() @IsString({ each: true }) mfa_acr: string[] = [];
  @IsArray() @IsString({ each: true }) mfa_amr: string[] = [];
  @ClaimRules() allow: ClaimRule = {};
  @Section(() => SsoRolesConfig) roles: SsoRolesConfig = new SsoRolesConfig();
  @IsBoolean() allow_private_addresses = false;
}

/** `sso`: sign-in by external OpenID providers (contract.md §3.6). */
export class SsoConfig {
  @IsBoolean() forced = false;
  @ArrayUnique((provider?: SsoProviderConfig) => provider?.id, { message: '$property must not name an id twice' })
  // An identity is known by its issuer: two providers of one would share it.
  @ArrayUnique((provider?: SsoProviderConfig) => URL.parse(provider?.issuer ?? '')?.href ?? provider, {
    message: '$property must not name an issuer twice',
  })
  @Sections(() => SsoProviderConfig)
  providers: SsoProviderConfig[] = [];
}
